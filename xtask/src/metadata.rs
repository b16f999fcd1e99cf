//! The part of `cargo metadata` that says who depends on whom.

use serde::Deserialize;
use std::collections::{BTreeMap, VecDeque};

/// The workspace's crates, and every crate they are built from.
#[derive(Debug)]
pub struct Workspace {
    names: BTreeMap<String, String>,
    members: Vec<String>,
    dependencies: BTreeMap<String, Vec<Dependency>>,
}

#[derive(Debug)]
struct Dependency {
    package: String,
    /// Part of what is built, other than for tests or build scripts only.
    normal: bool,
}

/// The crates from one that depends to one depended on, both included.
pub type Chain = Vec<String>;

impl Workspace {
    /// Reads what `cargo metadata --format-version 1` printed.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Metadata {
            packages: Vec<Package>,
            workspace_members: Vec<String>,
            resolve: Resolve,
        }
        #[derive(Deserialize)]
        struct Package {
            id: String,
            name: String,
        }
        #[derive(Deserialize)]
        struct Resolve {
            nodes: Vec<Node>,
        }
        #[derive(Deserialize)]
        struct Node {
            id: String,
            deps: Vec<NodeDep>,
        }
        #[derive(Deserialize)]
        struct NodeDep {
            pkg: String,
            dep_kinds: Vec<DepKind>,
        }
        #[derive(Deserialize)]
        struct DepKind {
            /// None: a normal dependency.
            kind: Option<String>,
        }

        let metadata: Metadata = serde_json::from_slice(json)
            .map_err(|problem| format!("cargo metadata is not understood: {problem}"))?;
        let dependency = |dep: NodeDep| Dependency {
            normal: dep.dep_kinds.iter().any(|kind| kind.kind.is_none()),
            package: dep.pkg,
        };
        Ok(Self {
            names: metadata.packages.into_iter().map(|p| (p.id, p.name)).collect(),
            members: metadata.workspace_members,
            dependencies: metadata
                .resolve
                .nodes
                .into_iter()
                .map(|node| (node.id, node.deps.into_iter().map(dependency).collect()))
                .collect(),
        })
    }

    /// The names of the workspace's own crates.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|id| self.name(id))
    }

    /// Whether the workspace has a crate of this name.
    pub fn has_member(&self, name: &str) -> bool {
        self.members().any(|member| member == name)
    }

    /// The shortest way from a member to each crate that `wanted` names, over normal dependencies.
    pub fn normal_chains(&self, member: &str, wanted: impl Fn(&str) -> bool) -> Vec<Chain> {
        let Some(start) = self.members.iter().find(|id| self.name(id) == member) else {
            return Vec::new();
        };
        let mut came_from: BTreeMap<&str, Option<&str>> = BTreeMap::from([(start.as_str(), None)]);
        let mut queue = VecDeque::from([start.as_str()]);
        let mut chains = Vec::new();
        while let Some(id) = queue.pop_front() {
            if id != start && wanted(self.name(id)) {
                let way = std::iter::successors(Some(id), |id| came_from.get(id).copied()?);
                let mut chain: Chain = way.map(|id| self.name(id).to_owned()).collect();
                chain.reverse();
                chains.push(chain);
                continue; // what lies behind it is not a finding of its own
            }
            for next in self.direct(id).iter().filter(|next| next.normal) {
                if !came_from.contains_key(next.package.as_str()) {
                    came_from.insert(&next.package, Some(id));
                    queue.push_back(&next.package);
                }
            }
        }
        chains
    }

    /// Whether a member names the crate in its manifest, be it for tests or build scripts only.
    pub fn depends_directly(&self, member: &str, on: &str) -> bool {
        let ids = self.members.iter().filter(|id| self.name(id) == member);
        ids.flat_map(|id| self.direct(id)).any(|next| self.name(&next.package) == on)
    }

    fn direct(&self, id: &str) -> &[Dependency] {
        self.dependencies.get(id).map_or(&[], Vec::as_slice)
    }

    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }
}
