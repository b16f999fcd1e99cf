//! Which crate may depend on which. `docs/architecture.md` says why.

use crate::metadata::{Chain, Workspace};
use std::fmt;

/// One rule about the direction of dependencies.
#[derive(Debug)]
pub enum Rule {
    /// What is built of `who` contains none of `what`, nor any crate of their families: `sqlx`
    /// stands for `sqlx-core` too.
    Without {
        /// The crate that is kept free.
        who: &'static str,
        /// The crates that it is kept free of.
        what: &'static [&'static str],
    },
    /// Nobody depends on `what`, be it for tests or through others, but for a few.
    OnlyFor {
        /// The crate at the end of the line.
        what: &'static str,
        /// Who may depend on it in any way.
        allowed: &'static [&'static str],
        /// Who may depend on it in tests.
        allowed_in_tests: &'static [&'static str],
    },
}

/// All rules of this workspace.
pub const RULES: &[Rule] = &[
    Rule::Without {
        who: "ssvirt-core",
        what: &[
            "poem",
            "kube",
            "k8s-openapi",
            "sqlx",
            "quick-xml",
            "hyper",
            "reqwest", //
            "ssvirt-backends",
            "ssvirt-vcd",
            "ssvirt-vcd-derive",
        ],
    },
    Rule::Without { who: "ssvirt-vcd", what: &["ssvirt-core", "ssvirt-backends", "poem", "sqlx"] },
    Rule::Without { who: "ssvirt-backends", what: &["ssvirt-vcd", "poem"] },
    Rule::OnlyFor {
        what: "ssvirt-server",
        allowed: &["ssvirt-benches", "ssvirt-conformance", "ssvirt-load", "xtask"],
        allowed_in_tests: &["ssvirt-fixtures"],
    },
    Rule::Without { who: "ssvirt-core", what: TEST_CRATES },
    Rule::Without { who: "ssvirt-backends", what: TEST_CRATES },
    Rule::Without { who: "ssvirt-vcd", what: TEST_CRATES },
    Rule::Without { who: "ssvirt-vcd-derive", what: TEST_CRATES },
    // Not ssvirt-fixtures: `serve --demo` builds its world with them.
    Rule::Without {
        who: "ssvirt-server",
        what: &["ssvirt-conformance", "ssvirt-benches", "ssvirt-load", "ssvirt-kube-bed"],
    },
];

const TEST_CRATES: &[&str] =
    &["ssvirt-fixtures", "ssvirt-conformance", "ssvirt-benches", "ssvirt-load", "ssvirt-kube-bed"];

impl Rule {
    /// What breaks the rule, for a person to read; nothing if it holds.
    pub fn violations(&self, workspace: &Workspace) -> Vec<String> {
        let subject = match self {
            Self::Without { who, .. } => who,
            Self::OnlyFor { what, .. } => what,
        };
        if !workspace.has_member(subject) {
            // A rule about nobody would always hold.
            return vec![format!("the workspace has no crate {subject}")];
        }
        match self {
            Self::Without { who, what } => workspace
                .normal_chains(who, |name| what.iter().any(|banned| is_of(name, banned)))
                .iter()
                .map(show)
                .collect(),
            Self::OnlyFor { what, allowed, allowed_in_tests } => workspace
                .members()
                .filter(|member| member != what && !allowed.contains(member))
                .flat_map(|member| {
                    let mut found: Vec<String> = workspace
                        .normal_chains(member, |name| name == *what)
                        .iter()
                        .map(show)
                        .collect();
                    if found.is_empty()
                        && !allowed_in_tests.contains(&member)
                        && workspace.depends_directly(member, what)
                    {
                        found.push(format!("{member} -> {what} (in tests or build scripts)"));
                    }
                    found
                })
                .collect(),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Without { who, what } => write!(f, "{who} is built without {}", what.join(", ")),
            Self::OnlyFor { what, allowed, allowed_in_tests } => write!(
                f,
                "only {} (and in tests {}) depend on {what}",
                allowed.join(", "),
                allowed_in_tests.join(", ")
            ),
        }
    }
}

/// Whether `name` is the crate `family` or one of its parts, as `sqlx-core` is one of `sqlx`. The
/// workspace's own crates have no parts: `ssvirt-vcd-derive` is not `ssvirt-vcd`.
fn is_of(name: &str, family: &str) -> bool {
    match name.strip_prefix(family) {
        Some("") => true,
        Some(rest) => rest.starts_with('-') && !family.starts_with("ssvirt-"),
        None => false,
    }
}

fn show(chain: &Chain) -> String {
    chain.join(" -> ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const MEMBERS: &[&str] = &[
        "ssvirt-core",
        "ssvirt-vcd",
        "ssvirt-vcd-derive",
        "ssvirt-backends",
        "ssvirt-server",
        "ssvirt-fixtures",
        "ssvirt-conformance",
        "ssvirt-benches",
        "ssvirt-load",
        "xtask",
    ];

    /// A workspace of these crates with these dependencies: (from, to, kind), kind "" = normal.
    fn workspace(members: &[&str], edges: &[(&str, &str, &str)]) -> Workspace {
        let mut names: Vec<&str> = members.to_vec();
        names.extend(edges.iter().flat_map(|(from, to, _)| [*from, *to]));
        names.sort_unstable();
        names.dedup();
        let node = |name: &&str| -> Value {
            let deps: Vec<Value> = edges
                .iter()
                .filter(|(from, ..)| from == name)
                .map(|(_, to, kind)| {
                    let kind = if kind.is_empty() { Value::Null } else { json!(kind) };
                    json!({"name": to, "pkg": format!("{to}#1"), "dep_kinds": [{"kind": kind}]})
                })
                .collect();
            json!({"id": format!("{name}#1"), "deps": deps})
        };
        let package = |name: &&str| json!({"id": format!("{name}#1"), "name": name});
        let metadata = json!({
            "packages": names.iter().map(package).collect::<Vec<_>>(),
            "workspace_members": members.iter().map(|n| format!("{n}#1")).collect::<Vec<_>>(),
            "resolve": {"nodes": names.iter().map(node).collect::<Vec<_>>()},
        });
        Workspace::parse(metadata.to_string().as_bytes()).unwrap()
    }

    fn all_violations(edges: &[(&str, &str, &str)]) -> Vec<String> {
        let workspace = workspace(MEMBERS, edges);
        RULES.iter().flat_map(|rule| rule.violations(&workspace)).collect()
    }

    #[test]
    fn the_intended_architecture_holds() {
        let violations = all_violations(&[
            ("ssvirt-vcd", "ssvirt-vcd-derive", ""),
            ("ssvirt-vcd", "quick-xml", ""),
            ("ssvirt-backends", "ssvirt-core", ""),
            ("ssvirt-backends", "sqlx", ""),
            ("ssvirt-backends", "ssvirt-conformance", "dev"),
            ("ssvirt-core", "ssvirt-fixtures", "dev"),
            ("ssvirt-server", "ssvirt-core", ""),
            ("ssvirt-server", "ssvirt-vcd", ""),
            ("ssvirt-server", "ssvirt-backends", ""),
            ("ssvirt-server", "ssvirt-fixtures", ""),
            ("ssvirt-server", "ssvirt-conformance", "dev"),
            ("ssvirt-server", "poem", ""),
            ("ssvirt-fixtures", "ssvirt-core", ""),
            ("ssvirt-fixtures", "ssvirt-server", "dev"),
            ("ssvirt-conformance", "ssvirt-server", ""),
            ("ssvirt-benches", "ssvirt-server", ""),
            ("ssvirt-load", "ssvirt-conformance", ""),
        ]);
        assert_eq!(violations, Vec::<String>::new());
    }

    #[test]
    fn a_banned_crate_is_found_through_others_and_by_its_family() {
        let violations = all_violations(&[
            ("ssvirt-core", "helper", ""),
            ("helper", "sqlx-core", ""),
            ("sqlx-core", "sqlx-more", ""),
        ]);
        assert_eq!(violations, ["ssvirt-core -> helper -> sqlx-core"]);
    }

    #[test]
    fn tests_and_build_scripts_may_use_what_the_crate_may_not() {
        let violations = all_violations(&[
            ("ssvirt-core", "quick-xml", "dev"),
            ("ssvirt-core", "reqwest", "build"),
            ("ssvirt-core", "helper", ""),
            ("helper", "hyper", "dev"),
        ]);
        assert_eq!(violations, Vec::<String>::new());
    }

    #[test]
    fn a_name_that_only_looks_alike_is_not_banned() {
        let violations = all_violations(&[
            ("ssvirt-core", "hyperloglog", ""),
            ("ssvirt-vcd", "ssvirt-vcd-derive", ""),
            ("ssvirt-backends", "ssvirt-vcd-derive", ""),
        ]);
        assert_eq!(violations, Vec::<String>::new());
    }

    #[test]
    fn nobody_else_depends_on_the_server() {
        let violations = all_violations(&[("ssvirt-fixtures", "ssvirt-server", "")]);
        assert_eq!(violations, ["ssvirt-fixtures -> ssvirt-server"]);
        let violations = all_violations(&[("ssvirt-backends", "ssvirt-server", "dev")]);
        assert_eq!(violations, ["ssvirt-backends -> ssvirt-server (in tests or build scripts)"]);
        // Through a crate that itself may, it is just as forbidden.
        let violations = all_violations(&[
            ("ssvirt-fixtures", "ssvirt-conformance", ""),
            ("ssvirt-conformance", "ssvirt-server", ""),
        ]);
        assert_eq!(violations, ["ssvirt-fixtures -> ssvirt-conformance -> ssvirt-server"]);
    }

    #[test]
    fn the_product_is_built_without_test_crates() {
        let violations = all_violations(&[
            ("ssvirt-backends", "ssvirt-fixtures", ""),
            ("ssvirt-server", "ssvirt-conformance", ""),
        ]);
        assert_eq!(
            violations,
            ["ssvirt-backends -> ssvirt-fixtures", "ssvirt-server -> ssvirt-conformance"]
        );
    }

    #[test]
    fn a_rule_about_a_crate_that_is_not_there_does_not_hold() {
        let workspace = workspace(&["ssvirt-vcd"], &[]);
        let rule = Rule::Without { who: "ssvirt-core", what: &["sqlx"] };
        assert_eq!(rule.violations(&workspace), ["the workspace has no crate ssvirt-core"]);
    }

    #[test]
    fn metadata_that_is_none_is_an_error() {
        assert!(Workspace::parse(b"{}").unwrap_err().contains("not understood"));
    }
}
