# Short names for what is done often. `just` alone lists them.

_list:
    @just --list

# What a change has to pass before anything else: format, lints, layers, licences
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    cargo run -q -p xtask -- layers
    cargo deny check bans licenses sources

# All tests of the crates
test *ARGS:
    cargo test --workspace {{ ARGS }}

# Real clients against the demo: self-test, terraform, vcd-cli, schemas (default: all)
clients *SUITES:
    tests/clients/run {{ SUITES }}

# The conformance suites and the recorded exchanges
conformance *ARGS:
    cargo test -p ssvirt-conformance {{ ARGS }}

# The benchmarks
bench *ARGS:
    cargo bench -p ssvirt-benches {{ ARGS }}

# What the server costs, beside a bare "hello": load --database postgres
load *ARGS:
    cargo run --release -p ssvirt-load -- {{ ARGS }}

# A cloud to try things on
demo *ARGS:
    cargo run --release -- serve --demo {{ ARGS }}

# A real Kubernetes API server to look at: kube up, status, down
kube *ARGS:
    cargo xtask kube {{ ARGS }}

# Everything that continuous integration runs
ci:
    .ci/run
