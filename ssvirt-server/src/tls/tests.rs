use super::*;
use crate::config;

fn names_of(list: &[(&str, &str)]) -> Vec<String> {
    let list = list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    names(&config::load(list, config::Given::new()).unwrap())
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

#[test]
fn names_are_those_that_clients_use() {
    assert_eq!(names_of(&[]), ["localhost", "127.0.0.1", "::1"]);
    let list =
        [("SSVIRT_LISTEN", "[fd00::1]:1"), ("SSVIRT_PUBLIC_URL", "https://cloud.example.com/api")];
    assert_eq!(names_of(&list)[3..], ["fd00::1", "cloud.example.com"]);
    assert_eq!(names_of(&[("API_PORT", "443")]).len(), 3);
}

#[test]
fn a_certificate_is_kept_until_it_ends_or_lacks_a_name() {
    let names = ["localhost", "::1"].map(str::to_owned);
    let (cert, key) = make(&names, day("2026-01-15")).unwrap();
    from_pem(cert.as_bytes(), key.as_bytes()).unwrap();
    let good = |names: &[String], today| still_good(cert.as_bytes(), names, day(today));
    assert!(good(&names, "2026-01-15"));
    assert!(good(&names[..1], "2035-12-01"));
    assert!(!good(&names, "2035-12-31"));
    assert!(!good(&["elsewhere".to_owned()], "2026-01-15"));
    assert!(!still_good(b"garbage", &names, day("2026-01-15")));
}
