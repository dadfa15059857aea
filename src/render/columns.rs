//! Aligned columns whose cells may be painted: escape sequences take no room on the screen.

use super::style::Style;

/// Blanks between two columns.
const GAP: &str = "  ";

/// One cell: what is measured, and what is shown.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    width: usize,
    shown: String,
    is_right: bool,
}

impl Cell {
    /// Shows `painted`, which is as wide as `plain`.
    pub(crate) fn painted(plain: &str, painted: String) -> Self {
        Self {
            width: plain.chars().count(),
            shown: painted,
            is_right: false,
        }
    }

    /// Aligned to the right, for numbers.
    pub(crate) fn right(text: &str) -> Self {
        Self::right_painted(text, text.to_owned())
    }

    /// Both.
    pub(crate) fn right_painted(plain: &str, painted: String) -> Self {
        Self {
            is_right: true,
            ..Self::painted(plain, painted)
        }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self {
            width: text.chars().count(),
            shown: text,
            is_right: false,
        }
    }
}

/// Rows of cells.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    rows: Vec<Vec<Cell>>,
}

impl Columns {
    /// With a line of names above.
    pub(crate) fn new(head: &[&str], style: Style) -> Self {
        let head = head
            .iter()
            .map(|name| Cell::painted(name, style.faint(name)))
            .collect();
        Self { rows: vec![head] }
    }

    /// Rows only.
    pub(crate) fn without_head() -> Self {
        Self::default()
    }

    /// Adds a row below.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, without blanks at their ends.
    pub(crate) fn text(&self) -> String {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.width).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..count).map(width).collect();
        let lines: Vec<String> = self.rows.iter().map(|row| line(row, &widths)).collect();
        lines.join("\n")
    }
}

fn line(row: &[Cell], widths: &[usize]) -> String {
    let cells: Vec<String> = row
        .iter()
        .zip(widths)
        .map(|(cell, width)| {
            let blanks = " ".repeat(width.saturating_sub(cell.width));
            if cell.is_right {
                format!("{blanks}{}", cell.shown)
            } else {
                format!("{}{blanks}", cell.shown)
            }
        })
        .collect();
    cells.join(GAP).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_aligned_by_what_is_seen() {
        let mut columns = Columns::new(&["NAME", "N"], Style::Plain);
        let painted = Style::Colour.good("tea");
        columns.row([Cell::painted("tea", painted.clone()), Cell::right("5")]);
        columns.row([Cell::from("grün".to_owned()), Cell::right("123")]);
        assert_eq!(
            columns.text(),
            format!("NAME  N\n{painted}     5\ngrün  123")
        );
    }
}
