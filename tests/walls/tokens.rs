//! What a Rust source says, without comments: names, and the contents of string literals.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::repository::File;

/// A name or a text, with the line it stands on.
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// The tokens of a source.
#[derive(Default)]
pub(crate) struct Tokens {
    pub(crate) names: Vec<Token>,
    pub(crate) strings: Vec<Token>,
}

impl Tokens {
    /// Reads a source; modules marked `#[cfg(test)]` and documentation are left out.
    pub(crate) fn of(file: &File) -> Self {
        let stream: TokenStream = file
            .text
            .parse()
            .unwrap_or_else(|error| panic!("{}: {error}", file.path));
        let mut tokens = Self::default();
        tokens.read(stream);
        tokens
    }

    fn read(&mut self, stream: TokenStream) {
        let mut trees = stream.into_iter().peekable();
        while let Some(tree) = trees.next() {
            match tree {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    // `#[…]` or `#![…]`
                    trees.next_if(|tree| tree.to_string() == "!");
                    let Some(TokenTree::Group(attribute)) = trees.peek() else {
                        continue;
                    };
                    let text = attribute.stream().to_string();
                    if text.starts_with("doc") {
                        trees.next();
                    } else if text.replace(' ', "") == "cfg(test)" {
                        trees.next();
                        // The item it belongs to ends with a block or a semicolon.
                        for tree in trees.by_ref() {
                            let ends = match &tree {
                                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                                TokenTree::Punct(punct) => punct.as_char() == ';',
                                _ => false,
                            };
                            if ends {
                                break;
                            }
                        }
                    }
                }
                TokenTree::Group(group) => self.read(group.stream()),
                TokenTree::Ident(name) => self.names.push(Token {
                    line: name.span().start().line,
                    text: name.to_string(),
                }),
                TokenTree::Literal(literal) => {
                    let text = literal.to_string();
                    if let (Some(start), Some(end)) = (text.find('"'), text.rfind('"')) {
                        self.strings.push(Token {
                            line: literal.span().start().line,
                            text: text[start + 1..end.max(start + 1)].to_owned(),
                        });
                    }
                }
                // `'static` is a lifetime, not a name.
                TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                    trees.next();
                }
                TokenTree::Punct(_) => {}
            }
        }
    }
}

#[test]
fn comments_documentation_and_test_modules_say_nothing() {
    let file = File::sample(
        "a.rs",
        r#"
            //! about tokio
            /// and "tokio"
            #[allow(dead_code, reason = "kept")]
            fn f() { g(r"raw text") } // tokio
            #[cfg(test)]
            mod tests { use tokio; }
            const C: &'tokio str = "last";
        "#,
    );
    let tokens = Tokens::of(&file);
    let strings: Vec<&str> = tokens.strings.iter().map(|t| t.text.as_str()).collect();
    assert_eq!(strings, ["kept", r"raw text", "last"]);
    assert!(tokens.names.iter().all(|name| name.text != "tokio"));
    assert_eq!(tokens.strings[1].line, 5);
}
