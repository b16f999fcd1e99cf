//! How fast it is with many VMs. A measurement, not a check: ignored unless asked for.
//!
//! ```text
//! SSVIRT_BIN=.../release/ssvirt cargo test -p ssvirt-conformance --test kubevirt scale -- --ignored --nocapture
//! ```
//!
//! `SSVIRT_SCALE_VMS` and `SSVIRT_SCALE_VDCS` say how many; 1000 in 20 by default.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, ObjectMeta, PostParams},
};
use serde_json::{Value, json};
use ssvirt_backends::kubevirt::{
    labels,
    resources::{VirtualMachine, VirtualMachineInstance, instance::InstancePhase},
};
use ssvirt_conformance::{
    replay::{
        live::Live,
        run::{Request, Transport as _},
    },
    tls::Trust,
};
use ssvirt_kube_bed::{
    crds,
    node::{Node, Options},
    shared,
};

/// Requests at a time, to the server and to the API server alike.
const AT_ONCE: usize = 16;
const TEMPLATES: usize = 500;
const PASSWORD: &str = "of-a-measurement";

fn number(variable: &str, default: usize) -> usize {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A server, killed at the end.
struct Server {
    process: Child,
    folder: PathBuf,
    live: Live,
    metrics: Live,
    token: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

impl Server {
    async fn start(bin: &str, kubeconfig: &Path) -> Self {
        let folder = env::temp_dir().join(format!("ssvirt-scale-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let config = "backend = \"kubevirt\"\n[kubevirt.placement]\nrefresh_seconds = 2\n\
            [kubevirt.catalog]\nimages = [{ name = \"small\", image = \"docker://example.com/small:1\", \
            size_mib = 64, cpus = 1, memory_mib = 64 }]\n";
        fs::write(folder.join("config.toml"), config).unwrap();
        let ready = folder.join("ready");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = port.local_addr().unwrap().to_string();
        drop(port);
        let process = Command::new(bin)
            .args(["serve", "--http", "--listen", "127.0.0.1:0", "--metrics-listen", &at])
            .arg("--config")
            .arg(folder.join("config.toml"))
            .arg("--data-dir")
            .arg(folder.join("data"))
            .arg("--ready-file")
            .arg(&ready)
            .env("KUBECONFIG", kubeconfig)
            .env("SSVIRT_ADMIN_PASSWORD", PASSWORD)
            .env("LOG_LEVEL", "warn")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..300 {
            if fs::read_to_string(&ready).is_ok_and(|text| !text.is_empty()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let root = fs::read_to_string(&ready).unwrap();
        let live = Live::new(root.trim(), &Trust::Anyone).unwrap();
        let metrics = Live::new(&format!("http://{at}"), &Trust::Anyone).unwrap();
        let mut server = Self { process, folder, live, metrics, token: String::new() };
        let login = STANDARD.encode(format!("administrator@System:{PASSWORD}"));
        let request = Request {
            method: "POST".to_owned(),
            path: "/cloudapi/1.0.0/sessions/provider".to_owned(),
            headers: vec![
                ("accept".to_owned(), "application/json;version=39.1".to_owned()),
                ("authorization".to_owned(), format!("Basic {login}")),
            ],
            body: String::new(),
        };
        let answer = server.live.send(&request).await.unwrap();
        let token = answer
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("x-vmware-vcloud-access-token"));
        server.token = token.unwrap().1.clone();
        server
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let headers = [
            ("accept", "application/json;version=39.1".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("authorization", format!("Bearer {}", self.token)),
        ];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            body,
        };
        let answer = self.live.send(&request).await.unwrap();
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.body);
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    async fn total(&self, query: &str) -> u64 {
        let path = format!("/api/query?format=records&pageSize=1&{query}");
        self.call("GET", &path, Value::Null).await["total"].as_u64().unwrap_or_default()
    }

    async fn until(&self, query: &str, wanted: u64, limit: Duration) {
        let start = Instant::now();
        loop {
            let total = self.total(query).await;
            if total == wanted {
                return;
            }
            assert!(start.elapsed() < limit, "{query}: {total} of {wanted}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Resident memory in KiB.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The upper bound in seconds of the bucket that the 99th percentile of the watch's lag is in, and how many
    /// changes there were.
    async fn watch_lag(&self) -> (String, u64) {
        let request = Request {
            method: "GET".to_owned(),
            path: "/metrics".to_owned(),
            headers: Vec::new(),
            body: String::new(),
        };
        let text = self.metrics.send(&request).await.unwrap().body;
        let buckets: Vec<(String, u64)> = text
            .lines()
            .filter(|line| line.starts_with("ssvirt_watch_lag_seconds_bucket"))
            .filter_map(|line| {
                let (_, rest) = line.split_once("le=\"")?;
                let (bound, count) = rest.split_once("\"}")?;
                Some((bound.to_owned(), count.trim().parse().ok()?))
            })
            .collect();
        let all = buckets.last().map_or(0, |(_, count)| *count);
        let bound = buckets.into_iter().find(|(_, count)| count * 100 >= all * 99);
        (bound.map(|(bound, _)| bound).unwrap_or_default(), all)
    }
}

async fn templates(client: &Client) {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let space = json!({ "metadata": { "name": "openshift" } });
    namespaces
        .create(&PostParams::default(), &serde_json::from_value(space).unwrap())
        .await
        .unwrap();
    let kind = GroupVersionKind::gvk("template.openshift.io", "v1", "Template");
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), "openshift", &ApiResource::from_gvk(&kind));
    let template = |n: usize| {
        json!({
            "apiVersion": "template.openshift.io/v1", "kind": "Template",
            "metadata": {
                "name": format!("template-{n:03}"),
                "annotations": { "openshift.io/display-name": format!("Template {n}") },
            },
            "parameters": [{ "name": "NAME", "generate": "expression", "from": "vm-[a-z0-9]{8}" }],
            "objects": [{
                "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
                "metadata": { "name": "${NAME}" },
                "spec": { "runStrategy": "Halted", "template": { "spec": { "domain": {
                    "cpu": { "sockets": 1 }, "memory": { "guest": "1Gi" }, "devices": {},
                } } } },
            }],
        })
    };
    stream::iter(0..TEMPLATES)
        .for_each_concurrent(AT_ONCE, |n| {
            let (api, made) = (api.clone(), template(n));
            async move {
                let made = serde_json::from_value(made).unwrap();
                api.create(&PostParams::default(), &made).await.unwrap();
            }
        })
        .await;
}

/// The same objects, by nothing but a client of Kubernetes. How long it took until they were there, and until they
/// ran.
async fn bare(
    client: &Client,
    like: VirtualMachine,
    vms: usize,
    spaces: usize,
) -> (Duration, Duration) {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    for n in 0..spaces {
        let space = json!({ "metadata": { "name": format!("bare-{n}") } });
        let space = serde_json::from_value(space).unwrap();
        namespaces.create(&PostParams::default(), &space).await.unwrap();
    }
    let start = Instant::now();
    stream::iter(0..vms)
        .for_each_concurrent(AT_ONCE, |n| {
            let mut vm = like.clone();
            let name = format!("bare-{n}");
            vm.metadata = ObjectMeta {
                name: Some(name.clone()),
                labels: vm.metadata.labels.clone(),
                annotations: vm.metadata.annotations.clone(),
                ..ObjectMeta::default()
            };
            vm.status = None;
            for template in &mut vm.spec.data_volume_templates {
                template.metadata.name = Some(format!("{name}-disk"));
            }
            for volume in &mut vm.spec.template.spec.volumes {
                if let Some(volume) = &mut volume.data_volume {
                    volume.name = format!("{name}-disk");
                }
            }
            let api: Api<VirtualMachine> =
                Api::namespaced(client.clone(), &format!("bare-{}", n % spaces));
            async move { drop(api.create(&PostParams::default(), &vm).await.unwrap()) }
        })
        .await;
    let made = start.elapsed();
    let instances: Api<VirtualMachineInstance> = Api::all(client.clone());
    loop {
        let all = instances.list_metadata(&ListParams::default()).await.unwrap().items;
        let names = all.iter().filter(|found| found.name_any().starts_with("bare-"));
        if names.count() == vms {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let is_up = |vmi: &VirtualMachineInstance| {
        let phase = vmi.status.as_ref().and_then(|status| status.phase.as_ref());
        phase == Some(&InstancePhase::Running)
    };
    loop {
        let all = instances.list(&ListParams::default()).await.unwrap().items;
        let ours = all.iter().filter(|found| found.name_any().starts_with("bare-"));
        if ours.filter(|found| is_up(found)).count() == vms {
            return (made, start.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn rate(count: usize, took: Duration) -> String {
    format!("{:.1} s, {:.1}/s", took.as_secs_f64(), count as f64 / took.as_secs_f64())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement that takes minutes"]
async fn many_vms() {
    let bin = env::var("SSVIRT_BIN").expect("SSVIRT_BIN names the server");
    let (vms, vdcs) = (number("SSVIRT_SCALE_VMS", 1000), number("SSVIRT_SCALE_VDCS", 20));
    let control_plane = shared::own().await.expect("a control plane");
    let client = control_plane.client().await.unwrap();
    crds::install(&client).await.unwrap();
    let _node = Node::start(&control_plane.kubeconfig(), Options::default()).await.unwrap();
    templates(&client).await;
    let server = Server::start(&bin, &control_plane.kubeconfig()).await;
    println!("server: {} KiB resident", server.memory());

    let items = "type=adminCatalogItem";
    let wanted = u64::try_from(TEMPLATES).unwrap() + 1;
    server.until(items, wanted, Duration::from_secs(60)).await;
    let catalogs =
        server.call("GET", "/api/query?type=adminCatalog&format=records", Value::Null).await;
    let href = catalogs["record"][0]["href"].as_str().unwrap().to_owned();
    let path = format!("/api/{}", href.split_once("/api/").unwrap().1.replace("admin/", ""));
    let mut pages = Vec::new();
    for _ in 0..21 {
        let start = Instant::now();
        server.call("GET", &path, Value::Null).await;
        pages.push(start.elapsed());
    }
    pages.sort();
    println!("catalog of {wanted} discovered items: {:?} (median of {})", pages[10], pages.len());
    let query = "/api/query?format=records&pageSize=1&type=adminCatalogItem&filter=name==small";
    let item = server.call("GET", query, Value::Null).await["record"][0]["href"]
        .as_str()
        .and_then(|href| href.rsplit('/').next().map(str::to_owned))
        .unwrap();

    let org =
        json!({ "name": "scale", "displayName": "Scale", "description": "", "isEnabled": true });
    let org = server.call("POST", "/cloudapi/1.0.0/orgs", org).await;
    let folder = format!("/api/admin/org/{}/vdcs", org["id"].as_str().unwrap());
    let new = |n: usize| {
        json!({
            "name": format!("vdc-{n}"), "allocationModel": "PayAsYouGo",
            "computeCapacity": {
                "cpu": { "allocated": 0, "limit": 0, "units": "MHz" },
                "memory": { "allocated": 0, "limit": 0, "units": "MB" },
            },
            "providerVdc": { "id": "urn:vcloud:providervdc:0c1f8d8e-5a5e-5f0e-9a9c-6b9e5d0f7a01" },
            "nicQuota": 0, "networkQuota": 0,
            "vdcStorageProfiles": [], "isThinProvision": true, "isEnabled": true,
        })
    };
    let (server, folder, new) = (&server, &folder, &new);
    let start = Instant::now();
    let made: Vec<Value> = stream::iter(0..vdcs)
        .map(|n| async move { server.call("POST", folder, new(n)).await })
        .buffer_unordered(4)
        .collect()
        .await;
    let no_tasks = "type=adminTask&filter=status==running,status==queued";
    server.until(no_tasks, 0, Duration::from_secs(120)).await;
    println!("{vdcs} VDCs: {}", rate(vdcs, start.elapsed()));
    // Their quotas have room for 20 volumes by default.
    for (n, vdc) in made.iter().enumerate() {
        let mut raised = new(n);
        raised["name"] = vdc["name"].clone();
        raised["vmQuota"] = (vms.div_ceil(vdcs) + 1).into();
        raised["vdcStorageProfiles"] = vdc["vdcStorageProfiles"].clone();
        server.call("PUT", &format!("{folder}/{}", vdc["id"].as_str().unwrap()), raised).await;
    }
    server.until(no_tasks, 0, Duration::from_secs(120)).await;

    let before = server.memory();
    let start = Instant::now();
    let (made, item) = (&made, &item);
    stream::iter(0..vms)
        .for_each_concurrent(AT_ONCE, |n| async move {
            let vdc = made[n % vdcs]["id"].as_str().unwrap();
            let path = format!("/cloudapi/1.0.0/vdcs/{vdc}/actions/instantiateTemplate");
            let body = json!({
                "name": format!("app-{n}"), "deploy": true, "powerOn": true,
                "catalogItem": { "id": format!("urn:vcloud:catalogitem:{item}") },
            });
            server.call("POST", &path, body).await;
        })
        .await;
    let answered = start.elapsed();
    let there = "type=adminVM&filter=isVAppTemplate==false;status==POWERED_ON";
    let wanted = u64::try_from(vms).unwrap();
    server.until(there, wanted, Duration::from_secs(900)).await;
    let through_us = start.elapsed();
    println!(
        "{vms} VMs through the API: {} (answered {})",
        rate(vms, through_us),
        rate(vms, answered)
    );
    println!("failed tasks: {}", server.total("type=adminTask&filter=status==error").await);
    println!("server: {before} KiB resident before, {} after", server.memory());

    let machines: Api<VirtualMachine> = Api::all(client.clone());
    let one = ListParams::default().labels(labels::VM_ID).limit(1);
    let like = machines.list(&one).await.unwrap().items.remove(0);
    let (lag, changes) = server.watch_lag().await;
    println!("watch lag, 99th percentile: at most {lag} s of {changes} changes");
    let (made, run) = bare(&client, like, vms, vdcs).await;
    println!("{vms} VMs by bare creates: {}, running {}", rate(vms, made), rate(vms, run));
    println!("ratio: {:.2}", run.as_secs_f64() / through_us.as_secs_f64());
}
