//! The node simulator: plays KubeVirt, CDI and OpenShift's template controller where there are no nodes.
//!
//! ```text
//!   watches -> machines -> instances        webhooks -> admission (defaults, rules)
//!           -> volumes, snapshots, templates    subresources.kubevirt.io -> subresources, console
//! ```
//!
//! It works on JSON and shares nothing with the backend that is tested with it. What it says and refuses
//! follows recordings of KubeVirt 1.9.

mod admission;
mod console;
mod controllers;
mod defaults;
mod faults;
mod instances;
mod instancetypes;
mod live;
mod machine_status;
mod machines;
mod networks;
mod objects;
mod pods;
mod register;
mod restores;
mod rules;
mod server;
mod snapshots;
mod subresources;
mod templates;
mod volumes;

use std::{
    future::Future,
    net::Ipv4Addr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use kube::Client;
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
};

pub use self::faults::{Fault, Options, Rule, Step};
use self::{
    controllers::{controller, run, watches},
    faults::Play,
    objects::all,
};
use crate::{Anything, control_plane::impatient_client_of};

/// What all parts play on.
struct Stage {
    client: Client,
    play: Play,
    addresses: AtomicU32,
    sessions: console::Sessions,
}

impl Stage {
    /// An address of the pods' network that no other guest of this node has.
    fn next_address(&self) -> Ipv4Addr {
        self.next_address_in(Ipv4Addr::new(10, 244, 0, 2), 1 << 16)
    }

    /// The same of so many from another on.
    fn next_address_in(&self, first: Ipv4Addr, count: u32) -> Ipv4Addr {
        let next = self.addresses.fetch_add(1, Ordering::Relaxed) % count;
        Ipv4Addr::from_bits(first.to_bits() + next)
    }
}

/// A simulator that runs. It has threads of its own, so that any test can hold it.
pub struct Node {
    runtime: Option<Runtime>,
    stage: Arc<Stage>,
}

impl Node {
    /// Starts one for the control plane of an administrator's kubeconfig, and waits until the API server asks
    /// it. There may be one for each control plane.
    ///
    /// # Errors
    /// Where KubeVirt's custom resources are missing, or the API server does not reach it.
    pub async fn start(kubeconfig: &Path, options: Options) -> Anything<Self> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).thread_name("node").enable_all().build()?;
        let kubeconfig = kubeconfig.to_owned();
        let begun = runtime.spawn(begin(kubeconfig, options)).await?;
        match begun {
            Ok(stage) => Ok(Self { runtime: Some(runtime), stage }),
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// Has something go wrong from now on. The id is for [`Node::heal`].
    pub fn inject(&self, rule: Rule) -> u64 {
        self.stage.play.inject(rule)
    }

    /// Takes a rule away.
    pub fn heal(&self, rule: u64) {
        self.stage.play.heal(rule);
    }

    /// Changes how fast it goes.
    pub fn change(&self, change: impl FnOnce(&mut Options)) {
        self.stage.play.change(change);
    }

    /// The guest of a machine shuts itself down.
    ///
    /// # Errors
    /// Where the API server does not store it.
    pub async fn shut_down_guest(&self, namespace: &str, machine: &str) -> Anything<()> {
        self.end_guest(namespace, machine, true).await
    }

    /// The guest of a machine ends in failure.
    ///
    /// # Errors
    /// Where the API server does not store it.
    pub async fn crash_guest(&self, namespace: &str, machine: &str) -> Anything<()> {
        self.end_guest(namespace, machine, false).await
    }

    async fn end_guest(&self, namespace: &str, machine: &str, well: bool) -> Anything<()> {
        let (stage, space, name) = (self.stage.clone(), namespace.to_owned(), machine.to_owned());
        let end = async move { instances::end_by_itself(&stage, &space, &name, well).await };
        let ended = self.on_own_threads(end).await??;
        if ended { Ok(()) } else { Err(format!("{machine} does not run").into()) }
    }

    /// The client belongs to the runtime that it was made on.
    async fn on_own_threads<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Anything<T> {
        let runtime = self.runtime.as_ref().ok_or("it has stopped")?;
        Ok(runtime.spawn(work).await?)
    }

    /// Stops it, after the API server was told: an API that nobody serves blocks the deletion of namespaces.
    ///
    /// # Errors
    /// Where the API server does not answer.
    pub async fn stop(mut self) -> Anything<()> {
        let client = self.stage.client.clone();
        let told = self.on_own_threads(async move { register::unregister(&client).await }).await;
        self.end();
        told?
    }

    fn end(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}

async fn begin(kubeconfig: std::path::PathBuf, options: Options) -> Anything<Arc<Stage>> {
    let client = impatient_client_of(&kubeconfig).await?;
    let play = Play::new(options);
    let stage = Arc::new(Stage {
        client: client.clone(),
        play,
        addresses: AtomicU32::new(0),
        sessions: console::Sessions::default(),
    });
    let tls = server::Tls::new(&register::names(), &register::front_proxy(&client).await?)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    let certificate = tls.certificate.clone();
    tokio::spawn(server::serve(listener, tls, stage.clone()));
    register::register(&client, port, &certificate).await?;

    let machines = controller(&client, &objects::machine(), watches())
        .owns_with(all(&client, &objects::instance()), objects::instance(), watches())
        .owns_with(all(&client, &objects::data_volume()), objects::data_volume(), watches());
    run(machines, machines::reconcile, &stage);
    run(controller(&client, &objects::instance(), watches()), instances::reconcile, &stage);
    run(controller(&client, &objects::data_volume(), watches()), volumes::reconcile, &stage);
    let ours = watches().labels(&format!("{}=true", volumes::LABEL));
    run(controller(&client, &objects::volume(), ours), volumes::reclaim, &stage);
    let claims = watches().labels("app=containerized-data-importer");
    run(controller(&client, &objects::claim(), claims), volumes::resize, &stage);
    run(controller(&client, &objects::snapshot(), watches()), snapshots::take, &stage);
    run(controller(&client, &objects::restore(), watches()), restores::restore, &stage);
    run(
        controller(&client, &objects::template_instance(), watches()),
        templates::reconcile,
        &stage,
    );
    run(controller(&client, &objects::network(), watches()), networks::reconcile, &stage);
    Ok(stage)
}
