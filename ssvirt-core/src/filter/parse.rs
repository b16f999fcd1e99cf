//! Text to tree, by recursive descent with a bound on depth and size.

use super::{Comparison, Filter, Op, Pattern};
use crate::error::{Error, Result};

/// Nested parentheses that are followed; more are refused.
const MAX_DEPTH: usize = 32;
/// Comparisons in one filter; more are refused.
const MAX_COMPARISONS: usize = 256;

/// Reads a filter. Stray `;` at either end are forgiven, as VCD forgives them; an empty text is no filter.
///
/// # Errors
/// `BadRequest` that names the place.
pub fn parse(text: &str) -> Result<Option<Filter>> {
    let text = text.trim_matches(|c: char| c == ';' || c.is_whitespace());
    if text.is_empty() {
        return Ok(None);
    }
    let mut parser = Parser { text, at: 0, comparisons: 0 };
    let filter = parser.or(0)?;
    if parser.at < text.len() {
        return Err(parser.error("unexpected text"));
    }
    Ok(Some(filter))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    comparisons: usize,
}

impl Parser<'_> {
    fn error(&self, what: &str) -> Error {
        Error::bad_request(format!("Invalid filter: {what} at position {}", self.at))
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn or(&mut self, depth: usize) -> Result<Filter> {
        let mut parts = vec![self.and(depth)?];
        while self.eat(',') {
            parts.push(self.and(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Or(parts) })
    }

    fn and(&mut self, depth: usize) -> Result<Filter> {
        let mut parts = vec![self.term(depth)?];
        while self.eat(';') {
            parts.push(self.term(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::And(parts) })
    }

    fn term(&mut self, depth: usize) -> Result<Filter> {
        if depth > MAX_DEPTH {
            return Err(self.error("too many parentheses"));
        }
        if self.eat('(') {
            let inner = self.or(depth + 1)?;
            return if self.eat(')') { Ok(inner) } else { Err(self.error("a missing \")\"")) };
        }
        self.comparisons += 1;
        if self.comparisons > MAX_COMPARISONS {
            return Err(self.error("too many comparisons"));
        }
        let field = self.field()?;
        let op = self.op()?;
        let value = self.value()?;
        Ok(Filter::Compare(Comparison { field, op, value }))
    }

    fn field(&mut self) -> Result<String> {
        let start = self.at;
        while let Some(c) = self.peek() {
            if matches!(c, '=' | '!' | ';' | ',' | '(' | ')') {
                break;
            }
            self.at += c.len_utf8();
        }
        let field = self.text[start..self.at].trim();
        if field.is_empty() {
            Err(self.error("a missing field name"))
        } else {
            Ok(field.to_owned())
        }
    }

    fn op(&mut self) -> Result<Op> {
        let rest = &self.text[self.at..];
        for op in [Op::Eq, Op::Ne, Op::Gt, Op::Ge, Op::Lt, Op::Le] {
            if rest.starts_with(op.name()) {
                self.at += op.name().len();
                return Ok(op);
            }
        }
        Err(self.error("a missing operator"))
    }

    fn value(&mut self) -> Result<Pattern> {
        let (mut pieces, mut piece) = (Vec::new(), String::new());
        while let Some(c) = self.peek() {
            if matches!(c, ';' | ',' | ')') {
                break;
            }
            self.at += c.len_utf8();
            match c {
                '*' => pieces.push(std::mem::take(&mut piece)),
                '\\' => {
                    let Some(escaped) = self.peek() else {
                        return Err(self.error("a lone backslash"));
                    };
                    self.at += escaped.len_utf8();
                    piece.push(escaped);
                }
                _ => piece.push(c),
            }
        }
        pieces.push(piece);
        Ok(Pattern::from_pieces(pieces))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(filter: &Filter) -> String {
        let join =
            |parts: &[Filter], by: &str| parts.iter().map(shown).collect::<Vec<_>>().join(by);
        match filter {
            Filter::And(parts) => format!("[{}]", join(parts, " and ")),
            Filter::Or(parts) => format!("[{}]", join(parts, " or ")),
            Filter::Compare(c) => format!("{}{}{}", c.field, c.op.name(), c.value),
            Filter::Search(search) => panic!("FIQL cannot say {search:?}"),
        }
    }

    fn parsed(text: &str) -> String {
        shown(&parse(text).unwrap().unwrap())
    }

    #[test]
    fn precedence_and_parentheses() {
        assert_eq!(parsed("a==1;b==2,c==3"), "[[a==1 and b==2] or c==3]");
        assert_eq!(parsed("a==1;(b==2,c==3)"), "[a==1 and [b==2 or c==3]]");
        assert_eq!(
            parsed("(name==N;owner.name==U;(type==PROXY,type==REFRESH))"),
            "[name==N and owner.name==U and [type==PROXY or type==REFRESH]]"
        );
    }

    #[test]
    fn what_clients_send() {
        assert_eq!(parsed("status!=UNRESOLVED;"), "status!=UNRESOLVED");
        assert_eq!(parsed("metadata:key==STRING:value"), "metadata:key==STRING:value");
        assert_eq!(
            parsed("vdc==https://h:1/api/vdc/x;name==a b"),
            "[vdc==https://h:1/api/vdc/x and name==a b]"
        );
        assert_eq!(parsed(r"name==a\(1\)\,b\*"), "name==a(1),b*");
        assert_eq!(parse("").unwrap(), None);
        assert_eq!(parsed("name=="), "name==");
    }

    #[test]
    fn wildcards() {
        let Some(Filter::Compare(c)) = parse(r"name==a*b\*c*").unwrap() else { panic!() };
        assert_eq!(c.value.pieces(), ["a", "b*c", ""]);
        for (text, expected) in [("ab*c", true), ("axxb*cyy", true), ("a", false), ("ab", false)] {
            assert_eq!(c.value.matches(text), expected, "{text}");
        }
        let star = Pattern::from_pieces(vec!["a".to_owned(), "a".to_owned()]);
        assert!(!star.matches("a") && star.matches("aa"), "the two ends may not share a letter");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["a", "a=", "a=1", "==1", "(a==1", "a==1)", "a==1;;b==2", "a==\\", "a=xx=1"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(1000)).is_err());
        assert!(parse(&"a==1,".repeat(1000)).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn an_escaped_value_is_itself(value in "\\PC*") {
            let escaped: String = value.chars().flat_map(|c| ['\\', c]).collect();
            let filter = parse(&format!("f=={escaped}"));
            // The only texts that do not survive are those trimmed at the very end.
            if let Ok(Some(Filter::Compare(c))) = filter {
                prop_assert!(value.trim_end_matches([';', ' ']).starts_with(c.value.as_literal().unwrap().trim_end()) || c.value.as_literal() == Some(value.as_str()));
            }
        }
    }
}
