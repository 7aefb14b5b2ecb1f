//! Just enough of Rust's grammar to see which paths a file uses: comments, literals, `use` trees, test modules.

use std::iter::Peekable;
use std::str::Chars;

/// A path as it is written, `use` trees taken apart: `use a::{b, c::d}` gives `a::b` and `a::c::d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UsedPath {
    pub(super) segments: Vec<String>,
    /// Counted from 1.
    pub(super) line: usize,
}

/// Every path in `text` outside comments, literals and `#[cfg(test)]` items. Single words are paths too.
pub(super) fn used_paths(text: &str) -> Vec<UsedPath> {
    let tokens = without_tests(&tokens(text));
    let mut paths = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at = match &token.kind {
            Kind::Word(word) if word == "use" => use_tree(&tokens, at + 1, &[], &mut paths),
            Kind::Word(_) => path(&tokens, at, &mut paths),
            _ => at + 1,
        };
    }
    paths
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Word(String),
    /// `::`
    Separator,
    Mark(char),
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    line: usize,
}

impl Token {
    fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// A path in code. Returns where to go on.
fn path(tokens: &[Token], start: usize, paths: &mut Vec<UsedPath>) -> usize {
    let mut segments = Vec::new();
    let mut at = start;
    let line = tokens.get(start).map_or(0, |token| token.line);
    while let Some(Token { kind: Kind::Word(word), .. }) = tokens.get(at) {
        segments.push(word.clone());
        at += 1;
        match tokens.get(at) {
            Some(Token { kind: Kind::Separator, .. }) => at += 1,
            _ => break,
        }
    }
    paths.push(UsedPath { segments, line });
    at
}

/// One tree of a `use`, behind `prefix`. Returns where to go on.
fn use_tree(tokens: &[Token], start: usize, prefix: &[String], paths: &mut Vec<UsedPath>) -> usize {
    let mut segments = prefix.to_vec();
    let mut at = start;
    while let Some(token) = tokens.get(at) {
        match &token.kind {
            Kind::Word(word) if word == "as" => return at + 2,
            Kind::Word(word) => {
                segments.push(word.clone());
                if !matches!(tokens.get(at + 1), Some(Token { kind: Kind::Separator, .. })) {
                    paths.push(UsedPath { segments: segments.clone(), line: token.line });
                }
                at += 1;
            }
            Kind::Separator => at += 1,
            Kind::Mark('*') => {
                paths.push(UsedPath { segments, line: token.line });
                return at + 1;
            }
            Kind::Mark('{') => {
                at += 1;
                while tokens.get(at).is_some_and(|token| !token.is('}')) {
                    at = if tokens.get(at).is_some_and(|t| t.is(',')) {
                        at + 1
                    } else {
                        use_tree(tokens, at, &segments, paths).max(at + 1)
                    };
                }
                return at + 1;
            }
            Kind::Mark(_) => return at, // `,`, `}` or `;`: whoever called goes on
        }
    }
    at
}

/// The tokens without the items behind `#[cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if is_cfg_test(tokens, at) {
            at = end_of_item(tokens, at + 7);
        } else {
            kept.push(token.clone());
            at += 1;
        }
    }
    kept
}

/// `# [ cfg ( test ) ]`
fn is_cfg_test(tokens: &[Token], at: usize) -> bool {
    let word = |word: &str| Kind::Word(word.to_owned());
    let wanted = [
        Kind::Mark('#'),
        Kind::Mark('['),
        word("cfg"),
        Kind::Mark('('),
        word("test"),
        Kind::Mark(')'),
        Kind::Mark(']'),
    ];
    wanted.iter().enumerate().all(|(i, kind)| tokens.get(at + i).is_some_and(|token| token.kind == *kind))
}

/// Behind the item that starts at `at`: behind its `;`, or behind the brace that closes its first one.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    let mut braces = 0_usize;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.kind {
            Kind::Mark(';') if braces == 0 => return at,
            Kind::Mark('{') => braces += 1,
            Kind::Mark('}') => {
                braces = braces.saturating_sub(1);
                if braces == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    at
}

fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { chars: text.chars().peekable(), line: 1 };
    let mut tokens = Vec::new();
    while let Some(c) = lexer.next() {
        let line = lexer.line;
        let kind = match c {
            '/' if lexer.peek() == Some('/') => {
                lexer.skip_while(|c| c != '\n');
                continue;
            }
            '/' if lexer.peek() == Some('*') => {
                lexer.skip_block_comment();
                continue;
            }
            '"' => {
                lexer.skip_string();
                continue;
            }
            '\'' => {
                lexer.skip_char_or_lifetime();
                continue;
            }
            ':' if lexer.peek() == Some(':') => {
                lexer.next();
                Kind::Separator
            }
            c if c.is_alphanumeric() || c == '_' => {
                let word = lexer.word(c);
                if matches!(word.as_str(), "r" | "br" | "cr") && matches!(lexer.peek(), Some('"' | '#')) {
                    match lexer.skip_raw_string() {
                        None => continue,
                        Some(raw_identifier) => Kind::Word(raw_identifier),
                    }
                } else {
                    Kind::Word(word)
                }
            }
            c if c.is_whitespace() => continue,
            c => Kind::Mark(c),
        };
        tokens.push(Token { kind, line });
    }
    tokens
}

struct Lexer<'a> {
    chars: Peekable<Chars<'a>>,
    line: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().copied()
    }

    fn skip_while(&mut self, keep: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&keep) {
            self.next();
        }
    }

    fn word(&mut self, first: char) -> String {
        let mut word = String::from(first);
        while let Some(c) = self.peek().filter(|c| c.is_alphanumeric() || *c == '_') {
            word.push(c);
            self.next();
        }
        word
    }

    /// Block comments nest.
    fn skip_block_comment(&mut self) {
        let mut depth = 1;
        self.next();
        while depth > 0 {
            match (self.next(), self.peek()) {
                (None, _) => return,
                (Some('/'), Some('*')) => {
                    self.next();
                    depth += 1;
                }
                (Some('*'), Some('/')) => {
                    self.next();
                    depth -= 1;
                }
                _ => {}
            }
        }
    }

    fn skip_string(&mut self) {
        while let Some(c) = self.next() {
            match c {
                '\\' => drop(self.next()),
                '"' => return,
                _ => {}
            }
        }
    }

    /// Behind `r`: `#"…"#`, or the rest of a raw identifier, which is returned.
    fn skip_raw_string(&mut self) -> Option<String> {
        let mut hashes = 0;
        while self.peek() == Some('#') {
            self.next();
            hashes += 1;
        }
        if self.peek() != Some('"') {
            let first = self.next()?;
            return Some(self.word(first));
        }
        self.next();
        let mut seen = None; // hashes since the last quote
        while let Some(c) = self.next() {
            seen = match (c, seen) {
                ('"', _) => Some(0),
                ('#', Some(n)) => Some(n + 1),
                _ => None,
            };
            if seen == Some(hashes) {
                break;
            }
        }
        None
    }

    /// Behind `'`: `a'`, `\n'` and `\u{1F600}'` are characters, `a` alone is a lifetime.
    fn skip_char_or_lifetime(&mut self) {
        match self.next() {
            Some('\\') => {
                self.next();
                self.skip_while(|c| c != '\'');
                self.next();
            }
            Some(_) if self.peek() == Some('\'') => drop(self.next()),
            _ => {} // a lifetime: its other letters are one harmless word
        }
    }
}
