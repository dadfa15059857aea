//! Small plots: a line over the last half hour, with its last and highest value in words.

use maud::{Markup, html};

/// Height of a plot in its own units; its width is the number of values.
const HEIGHT: f64 = 40.0;
/// Samples that fit; a shorter history begins further to the right.
const WIDTH: usize = 360;

/// What a plot is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plot<'a> {
    pub(super) title: &'a str,
    /// `/s`, `ms`, or nothing.
    pub(super) unit: &'a str,
    pub(super) tone: &'a str,
    pub(super) values: &'a [f64],
}

impl Plot<'_> {
    pub(super) fn render(&self) -> Markup {
        let last = self.values.last().copied().unwrap_or_default();
        let highest = self.values.iter().copied().fold(0.0, f64::max);
        let (now, most) = (figure(last), figure(highest));
        let unit = self.unit;
        let says = format!("{}: now {now}{unit}, at most {most}{unit}", self.title);
        html! {
            figure.plot.(self.tone) {
                figcaption {
                    span.name { (self.title) }
                    span.now { (now) small { (unit) } }
                }
                svg role="img" aria-label=(says) viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" {
                    @if let Some((line, area)) = paths(self.values, highest) {
                        path.area d=(area) {}
                        path.line d=(line) vector-effect="non-scaling-stroke" {}
                    }
                    line.floor x1="0" x2=(WIDTH) y1=(HEIGHT) y2=(HEIGHT) vector-effect="non-scaling-stroke" {}
                }
                div.scale {
                    span { "30 min" }
                    span { "at most " (most) (unit) }
                    span { "now" }
                }
            }
        }
    }
}

/// The line and the area under it; none without two values.
fn paths(values: &[f64], highest: f64) -> Option<(String, String)> {
    use std::fmt::Write as _;
    let values = &values[values.len().saturating_sub(WIDTH)..];
    if values.len() < 2 {
        return None;
    }
    // Room for the line's own width above the highest value.
    let scale = (HEIGHT - 3.0) / if highest > 0.0 { highest } else { 1.0 };
    let first = WIDTH - values.len() + 1;
    let mut line = String::new();
    for (x, value) in (first..).zip(values) {
        let command = if line.is_empty() { 'M' } else { 'L' };
        // Writing to a string can't fail.
        let _ = write!(line, "{command}{x} {:.1}", HEIGHT - value * scale);
    }
    let area = format!("{line}L{WIDTH} {HEIGHT}L{first} {HEIGHT}Z");
    Some((line, area))
}

/// Two or three figures: `0`, `0.4`, `3`, `12.5`, `240`, `12 300`.
pub(super) fn figure(value: f64) -> String {
    if value < 0.05 {
        "0".to_owned()
    } else if value < 100.0 && value.fract() > 0.0 {
        format!("{value:.1}")
    } else {
        grouped(&format!("{value:.0}"))
    }
}

/// Digits in groups of three.
pub(super) fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}
