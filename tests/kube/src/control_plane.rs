//! A control plane: etcd, kube-apiserver and kube-controller-manager, on loopback.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::{
    Anything, assets,
    pki::{self, Identity, Pki},
    program::{Keeper, Life, Program},
};

/// How long a control plane has until it is ready. Two cores that do something else as well take their time.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);

/// The files of clients.
const ADMIN: &str = "admin.kubeconfig";
const CONTROLLER_MANAGER: &str = "controller-manager.kubeconfig";

const ETCD: &str = "etcd";
const API_SERVER: &str = "kube-apiserver";
const MANAGER: &str = "kube-controller-manager";

/// What takes part. Nothing that needs nodes, and nothing that only costs memory here.
const CONTROLLERS: [&str; 16] = [
    "namespace-controller",
    "resourcequota-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "legacy-serviceaccount-token-cleaner-controller",
    "garbage-collector-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",
    "persistentvolume-binder-controller",
    "persistentvolumeclaim-protection-controller",
    "persistentvolume-protection-controller",
    "disruption-controller",
    "replicaset-controller",
    "deployment-controller",
    "endpoints-controller",
    "endpointslice-controller",
];

/// A control plane that runs. One that was started for tests ends with this, and with the process.
pub struct ControlPlane {
    folder: PathBuf,
    bin: PathBuf,
    life: Life,
    port: u16,
    etcd_port: u16,
    etcd: Program,
    api_server: Program,
    manager: Program,
    _keeper: Option<Keeper>,
}

impl ControlPlane {
    /// Starts one whose state is in `folder`, and waits until it is ready.
    ///
    /// # Errors
    /// Where the programs are missing, or one of them does not come up: with the end of its log.
    pub async fn start(folder: &Path, life: Life) -> Anything<Self> {
        let bin = assets::find()?;
        fs::create_dir_all(folder)?;
        let folder = fs::canonicalize(folder)?;
        let keeper = (life == Life::WithUs).then(|| Keeper::of(&folder)).transpose()?;
        let Pki { ca, admin, controller_manager } = pki::make(&folder.join("pki"))?;
        let [port, etcd_port, peer_port] = free_ports()?;
        let url = format!("https://127.0.0.1:{port}");
        for (name, identity) in [(ADMIN, &admin), (CONTROLLER_MANAGER, &controller_manager)] {
            pki::write_private(&folder.join(name), &kubeconfig(&url, &ca, identity))?;
        }
        let etcd = etcd(&folder, etcd_port, peer_port);
        let etcd = Program::start(&folder, ETCD, &bin.join(ETCD), &etcd, life)?;
        let flags = api_server(&folder.join("pki"), port, etcd_port);
        let api_server = Program::start(&folder, API_SERVER, &bin.join(API_SERVER), &flags, life)?;
        let mut started = Self {
            manager: Program::of(&folder, MANAGER),
            _keeper: keeper,
            folder,
            bin,
            life,
            port,
            etcd_port,
            etcd,
            api_server,
        };
        let client = started.client().await?;
        started.wait(&[ETCD, API_SERVER], async || answers(&client).await).await?;
        // It gives up where nobody answers at first.
        let flags = manager(&started.folder);
        started.manager =
            Program::start(&started.folder, MANAGER, &started.bin.join(MANAGER), &flags, life)?;
        started.wait(&[ETCD, API_SERVER, MANAGER], async || is_set_up(&client).await).await?;
        Ok(started)
    }

    /// The file that an administrator's clients read.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join(ADMIN)
    }

    /// An administrator's client.
    ///
    /// # Errors
    /// Where the file of the administrator cannot be read.
    pub async fn client(&self) -> Anything<Client> {
        client_of(&self.kubeconfig()).await
    }

    /// The API server, to be killed.
    pub fn api_server(&mut self) -> &mut Program {
        &mut self.api_server
    }

    /// etcd, to be held up.
    pub fn etcd(&mut self) -> &mut Program {
        &mut self.etcd
    }

    /// Starts the API server again, after it was stopped or killed, under the same address.
    ///
    /// # Errors
    /// As [`ControlPlane::start`].
    pub async fn restart_api_server(&mut self) -> Anything<()> {
        self.api_server.stop()?;
        let flags = api_server(&self.folder.join("pki"), self.port, self.etcd_port);
        self.api_server = Program::start(
            &self.folder,
            API_SERVER,
            &self.bin.join(API_SERVER),
            &flags,
            self.life,
        )?;
        let client = self.client().await?;
        self.wait(&[ETCD, API_SERVER], async || answers(&client).await).await
    }

    /// Starts the controllers again. Those that have lost the API server for a while come back to it late; where there
    /// are several of a kind, another would take over.
    ///
    /// # Errors
    /// Where the program cannot be started.
    pub fn restart_manager(&mut self) -> Anything<()> {
        self.manager.signal("KILL")?;
        self.manager.stop()?;
        let (program, flags) = (self.bin.join(MANAGER), manager(&self.folder));
        self.manager = Program::start(&self.folder, MANAGER, &program, &flags, self.life)?;
        Ok(())
    }

    /// Waits until something is true, as long as the programs that it takes are there.
    async fn wait(&self, needed: &[&str], is_true: impl AsyncFn() -> bool) -> Anything<()> {
        let start = Instant::now();
        while !is_true().await {
            for name in needed {
                let late = start.elapsed() > PATIENCE;
                if late || Program::of(&self.folder, name).pid().is_none() {
                    let what = if late { "is not ready in time" } else { "has ended" };
                    let log = fs::read_to_string(self.folder.join(format!("{name}.log")));
                    return Err(format!("{name} {what}:\n{}", tail(&log?)).into());
                }
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if self.life == Life::WithUs {
            // The guards and the keeper see to it otherwise.
            for program in [&mut self.manager, &mut self.api_server, &mut self.etcd] {
                program.signal("KILL").ok();
                program.stop().ok();
            }
            fs::remove_dir_all(&self.folder).ok();
        }
    }
}

/// What runs of a control plane that another process has started in `folder`: name, process, MiB.
#[must_use]
pub fn running(folder: &Path) -> Vec<(&'static str, u32, u64)> {
    let programs = [ETCD, API_SERVER, MANAGER];
    let running = programs.into_iter().filter_map(|name| {
        let program = Program::of(folder, name);
        Some((name, program.pid()?, program.memory_mib().unwrap_or_default()))
    });
    running.collect()
}

/// Ends what another process has started in `folder`, and removes the folder.
///
/// # Errors
/// Where the folder cannot be removed.
pub fn stop(folder: &Path) -> Anything<()> {
    for name in [MANAGER, API_SERVER, ETCD] {
        Program::of(folder, name).stop()?;
    }
    if folder.join(ADMIN).is_file() {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

/// The file that an administrator's clients of the control plane in `folder` read.
#[must_use]
pub fn admin_file(folder: &Path) -> PathBuf {
    folder.join(ADMIN)
}

/// A client by a file.
///
/// # Errors
/// Where the file cannot be read.
pub async fn client_of(kubeconfig: &Path) -> Anything<Client> {
    Ok(Client::try_from(config_of(kubeconfig).await?)?)
}

/// A client by a file, that asks nothing twice by itself: an API server that has just started wants to be left
/// alone for half a minute.
///
/// # Errors
/// Where the file cannot be read.
pub async fn impatient_client_of(kubeconfig: &Path) -> Anything<Client> {
    let mut config = config_of(kubeconfig).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn config_of(kubeconfig: &Path) -> Anything<Config> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    Ok(Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?)
}

/// Whether the API server says that it is ready.
async fn answers(client: &Client) -> bool {
    let Ok(request) = http::Request::get("/readyz").body(Vec::new()) else { return false };
    client.request_text(request).await.is_ok()
}

/// Whether the controllers have done the last of what they do for a namespace that is new.
async fn is_set_up(client: &Client) -> bool {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    accounts.get("default").await.is_ok() && maps.get("kube-root-ca.crt").await.is_ok()
}

/// Ports that nobody listens on.
fn free_ports<const N: usize>() -> Anything<[u16; N]> {
    // All are held until the last is found, so that none is found twice.
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

fn kubeconfig(url: &str, ca: &str, identity: &Identity) -> String {
    let encoded = |pem: &str| BASE64_STANDARD.encode(pem);
    let file = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "bed", "cluster": {
            "server": url, "certificate-authority-data": encoded(ca),
        }}],
        "users": [{ "name": "bed", "user": {
            "client-certificate-data": encoded(&identity.certificate),
            "client-key-data": encoded(&identity.key),
        }}],
        "contexts": [{ "name": "bed", "context": { "cluster": "bed", "user": "bed" } }],
        "current-context": "bed",
    });
    file.to_string()
}

fn etcd(folder: &Path, port: u16, peer_port: u16) -> Vec<String> {
    let (url, peer) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{peer_port}"));
    vec![
        "--name=bed".to_owned(),
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={url}"),
        format!("--advertise-client-urls={url}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=bed={peer}"),
        "--quota-backend-bytes=2147483648".to_owned(),
        // What is lost in a power cut was made for a test.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

fn api_server(pki: &Path, port: u16, etcd_port: u16) -> Vec<String> {
    let mut flags: Vec<String> = [
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        // The endpoint of the service "kubernetes" may not be on loopback.
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-extend-token-expiration=false",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--allow-privileged=true",
        "--profiling=false",
    ]
    .map(str::to_owned)
    .to_vec();
    flags.push(format!("--secure-port={port}"));
    flags.push(format!("--etcd-servers=http://127.0.0.1:{etcd_port}"));
    for (flag, file) in [
        ("client-ca-file", "ca.crt"),
        ("tls-cert-file", "apiserver.crt"),
        ("tls-private-key-file", "apiserver.key"),
        ("service-account-key-file", "sa.pub"),
        ("service-account-signing-key-file", "sa.key"),
        ("requestheader-client-ca-file", "front-proxy-ca.crt"),
        ("proxy-client-cert-file", "front-proxy-client.crt"),
        ("proxy-client-key-file", "front-proxy-client.key"),
    ] {
        flags.push(format!("--{flag}={}", pki.join(file).display()));
    }
    flags
}

fn manager(folder: &Path) -> Vec<String> {
    let (pki, kubeconfig) = (folder.join("pki"), folder.join(CONTROLLER_MANAGER));
    vec![
        format!("--kubeconfig={}", kubeconfig.display()),
        // Nobody asks it anything.
        "--secure-port=0".to_owned(),
        "--leader-elect=false".to_owned(),
        "--use-service-account-credentials=true".to_owned(),
        format!("--controllers={}", CONTROLLERS.join(",")),
        format!("--service-account-private-key-file={}", pki.join("sa.key").display()),
        format!("--root-ca-file={}", pki.join("ca.crt").display()),
        "--namespace-sync-period=30s".to_owned(),
    ]
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
