//! The parameters of an OpenShift template: their values, and where these go.
//!
//! As in OpenShift's own processor: `${NAME}` anywhere in a string is the value's text, `${{NAME}}` as the whole
//! of a string is the value as JSON, and what names no parameter stays as it is. What a value says is never
//! looked through again.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::expression;
use crate::kubevirt::resources::template::Parameter;

/// Values by parameter.
pub type Values = BTreeMap<String, String>;

/// What the parameters are where nobody says anything: their values, else what their expressions make. `choose`
/// chooses one of so many characters. Parameters without either are empty.
///
/// # Errors
/// The name of one whose expression is malformed, or that is made up in a way that nobody knows.
pub fn defaults(
    parameters: &[Parameter],
    mut choose: impl FnMut(usize) -> usize,
) -> Result<Values, String> {
    let mut values = Values::new();
    for parameter in parameters {
        let given = parameter.value.clone().unwrap_or_default();
        let value = match parameter.generate.as_deref() {
            None | Some("") => given,
            Some(_) if !given.is_empty() => given,
            Some("expression") => {
                let from = parameter.from.as_deref().unwrap_or_default();
                expression::generate(from, &mut choose).ok_or_else(|| parameter.name.clone())?
            }
            Some(_) => return Err(parameter.name.clone()),
        };
        values.insert(parameter.name.clone(), value);
    }
    Ok(values)
}

/// Whether whoever makes a copy has to give a value.
#[must_use]
pub fn must_be_given(parameter: &Parameter) -> bool {
    let is_empty = |text: &Option<String>| text.as_deref().unwrap_or_default().is_empty();
    parameter.required == Some(true) && is_empty(&parameter.value) && is_empty(&parameter.generate)
}

/// The same with the values in place, in texts and in keys.
#[must_use]
pub fn substituted(value: &Value, values: &Values) -> Value {
    match value {
        Value::String(text) => whole(text, values).unwrap_or_else(|| text_of(text, values).into()),
        Value::Array(items) => items.iter().map(|item| substituted(item, values)).collect(),
        Value::Object(members) => {
            let member =
                |(key, value): (&String, _)| (text_of(key, values), substituted(value, values));
            Value::Object(members.iter().map(member).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// A text with the values in place of `${NAME}`.
#[must_use]
pub fn text_of(text: &str, values: &Values) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        made.push_str(before);
        let value = name_in(from, "${", "}").and_then(|name| values.get(name).map(|v| (name, v)));
        rest = match value {
            Some((name, value)) => {
                made.push_str(value);
                &from[name.len() + 3..]
            }
            None => {
                made.push_str("${");
                &from[2..]
            }
        };
    }
    made.push_str(rest);
    made
}

/// The parameter that a text is nothing but a reference to.
#[must_use]
pub fn only(text: &str) -> Option<&str> {
    let name = name_in(text, "${", "}").or_else(|| name_in(text, "${{", "}}"))?;
    let whole = name.len() + 3 == text.len() || name.len() + 5 == text.len();
    whole.then_some(name)
}

/// The value as JSON where all of the text asks for it; one that is no JSON stays a text.
fn whole(text: &str, values: &Values) -> Option<Value> {
    let name = name_in(text, "${{", "}}").filter(|name| name.len() + 5 == text.len())?;
    let value = values.get(name)?;
    Some(serde_json::from_str(value).unwrap_or_else(|_| value.clone().into()))
}

/// The name behind `open` at the beginning of a text, where `close` follows it.
fn name_in<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(open)?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let (name, behind) = rest.split_at(end);
    (!name.is_empty() && behind.starts_with(close)).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn values(of: &[(&str, &str)]) -> Values {
        of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn references_are_replaced_as_openshift_does() {
        let values =
            values(&[("NAME", "web"), ("N", "2"), ("T", "x ${NAME}"), ("O", r#"{"a":1}"#)]);
        let template = json!({
            "${NAME}-key": "a ${NAME} and ${NAME}-${N}",
            "number": "${{N}}", "object": "${{O}}", "text": "${{NAME}}", "inside": "v${{N}}",
            "unknown": "${OTHER} ${NAME", "dollars": "$${N} ${} ${a-b}", "value": "${T}", "list": ["${N}", 3],
        });
        let expected = json!({
            "web-key": "a web and web-2",
            "number": 2, "object": { "a": 1 }, "text": "web", "inside": "v${{N}}",
            "unknown": "${OTHER} ${NAME", "dollars": "$2 ${} ${a-b}", "value": "x ${NAME}", "list": ["2", 3],
        });
        assert_eq!(substituted(&template, &values), expected);
        assert_eq!(only("${NAME}"), Some("NAME"));
        assert_eq!(only("${{NAME}}"), Some("NAME"));
        assert_eq!((only("${NAME}x"), only("x"), only("${{NAME}")), (None, None, None));
    }

    #[test]
    fn defaults_are_values_and_what_expressions_make() {
        let parameter = |name: &str, value: Option<&str>, from: Option<&str>| Parameter {
            name: name.to_owned(),
            value: value.map(str::to_owned),
            generate: from.map(|_| "expression".to_owned()),
            from: from.map(str::to_owned),
            required: Some(true),
            ..Parameter::default()
        };
        let all = [
            parameter("A", Some("a"), None),
            parameter("B", None, Some("x-[b-d]{3}")),
            parameter("C", Some("c"), Some("[b-d]{3}")),
            parameter("D", None, None),
        ];
        let expected = values(&[("A", "a"), ("B", "x-bbb"), ("C", "c"), ("D", "")]);
        assert_eq!(defaults(&all, |_| 0), Ok(expected));
        assert_eq!(all.each_ref().map(must_be_given), [false, false, false, true]);
        let wrong = Parameter { from: Some("[b-".to_owned()), ..all[1].clone() };
        assert_eq!(defaults(&[wrong], |_| 0), Err("B".to_owned()));
    }

    /// What a text is put together from: the text, and what it is to be.
    fn piece() -> impl Strategy<Value = (String, String)> {
        prop_oneof![
            "[a-z {}]{0,5}".prop_map(|text| (text.clone(), text)),
            Just(("${A}".to_owned(), "${B}".to_owned())),
            Just(("${B}".to_owned(), "1".to_owned())),
            "[C-Z_]{1,4}".prop_map(|name| (format!("${{{name}}}"), format!("${{{name}}}"))),
        ]
    }

    proptest! {
        #[test]
        fn a_text_is_its_pieces(pieces in proptest::collection::vec(piece(), 0..8)) {
            let values = values(&[("A", "${B}"), ("B", "1")]);
            let (text, expected): (String, String) = pieces.into_iter().unzip();
            prop_assert_eq!(text_of(&text, &values), expected);
        }

        #[test]
        fn without_parameters_nothing_changes(text in ".{0,40}") {
            prop_assert_eq!(substituted(&text.clone().into(), &Values::new()), Value::from(text));
        }
    }
}
