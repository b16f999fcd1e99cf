//! The expressions that OpenShift makes up values from: text with classes such as `[a-z0-9]{8}` in it.
//!
//! In a class stand characters, ranges, and `\w` (letters, digits, `_`), `\d` (digits), `\a` (letters and digits)
//! and `\A` (signs). A class without a number behind it stands for one character.

/// The most characters that a class stands for.
const LONGEST: usize = 255;

/// A text that the expression describes; `choose` chooses one of so many characters. None for an expression that
/// is malformed.
pub fn generate(from: &str, choose: &mut impl FnMut(usize) -> usize) -> Option<String> {
    let mut made = String::new();
    let mut rest = from;
    while let Some((text, class)) = rest.split_once('[') {
        made.push_str(text);
        let (class, behind) = class.split_once(']')?;
        let characters = characters(class)?;
        let (count, behind) = count(behind)?;
        for _ in 0..count {
            made.push(*characters.get(choose(characters.len()))?);
        }
        rest = behind;
    }
    made.push_str(rest);
    Some(made)
}

fn count(text: &str) -> Option<(usize, &str)> {
    let Some(rest) = text.strip_prefix('{') else { return Some((1, text)) };
    let (count, behind) = rest.split_once('}')?;
    let count = count.parse().ok().filter(|count| (1..=LONGEST).contains(count))?;
    Some((count, behind))
}

fn characters(class: &str) -> Option<Vec<char>> {
    let mut all = Vec::new();
    let mut rest: Vec<char> = class.chars().rev().collect();
    while let Some(first) = rest.pop() {
        if first == '\\' {
            all.extend(escaped(rest.pop()?)?);
        } else if rest.last() == Some(&'-') {
            rest.pop();
            let last = rest.pop().filter(|last| first <= *last)?;
            all.extend(first..=last);
        } else {
            all.push(first);
        }
    }
    (!all.is_empty()).then_some(all)
}

fn escaped(letter: char) -> Option<Vec<char>> {
    let alphanumeric = || ('a'..='z').chain('A'..='Z').chain('0'..='9');
    Some(match letter {
        'w' => alphanumeric().chain(['_']).collect(),
        'd' => ('0'..='9').collect(),
        'a' => alphanumeric().collect(),
        'A' => "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".chars().collect(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_malformed_makes_nothing() {
        for from in ["[a-z", "[]", "[z-a]", "[a]{0}", "[a]{256}", "[a]{x}", "[a]{2", "[\\q]", "[a-"]
        {
            assert_eq!(generate(from, &mut |_| 0), None, "{from}");
        }
    }

    proptest! {
        #[test]
        fn what_is_made_is_as_described(seed in any::<usize>(), count in 1..40_usize) {
            let mut state = seed;
            let mut choose = |of: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) % of
            };
            let made = generate(&format!("vm-[a-c5]{{{count}}}-[\\d]"), &mut choose).unwrap();
            let (class, digit) = made.strip_prefix("vm-").unwrap().rsplit_once('-').unwrap();
            prop_assert_eq!(class.len(), count);
            prop_assert!(class.chars().all(|c| "abc5".contains(c)), "{}", made);
            prop_assert!(digit.len() == 1 && digit.parse::<u8>().is_ok(), "{}", made);
        }
    }
}
