//! What is refused, and that nothing is touched then.

use ssvirt_backends::memory::Simulator;
use ssvirt_core::{
    Error, ErrorKind, Id,
    backend::PowerAction,
    model::{IpMode, IpRange, IpScope, PowerState, Task, TaskStatus, VApp, Vdc, Vm},
    rights::role,
    service::{
        Caller, Deletion, NewNetwork, NewStorageProfile, NewUser, NewVApp, NewVdc, NewVm,
        NicRequest, VAppNetworkRequest, VmChange, VmSource,
    },
};
use ssvirt_fixtures::specs;

use super::scene::{Scene, clock, config};

impl Scene {
    /// Asserts that something was refused, for this reason and before anything was touched.
    async fn assert_refused<T: std::fmt::Debug>(
        &self,
        kind: ErrorKind,
        call: impl Future<Output = Result<T, Error>>,
    ) {
        let tasks = self.all::<Task>().await.len();
        let rows = (self.all::<VApp>().await, self.all::<Vm>().await);
        let changes = self.changes();
        assert_eq!(call.await.unwrap_err().kind(), kind);
        assert_eq!(self.changes(), changes, "the backend was called");
        assert_eq!(self.all::<Task>().await.len(), tasks, "there is a task");
        assert_eq!((self.all::<VApp>().await, self.all::<Vm>().await), rows);
    }

    async fn limited_vdc(&self, cpu_limit_mhz: i64, memory_limit_mib: i64) -> Id<Vdc> {
        let new = NewVdc {
            name: "limited".to_owned(),
            cpu_limit_mhz,
            memory_limit_mib,
            storage_profiles: vec![NewStorageProfile {
                name: "small".to_owned(),
                limit_mib: 3 * 2048,
            }],
            ..NewVdc::default()
        };
        let (vdc, task) = self.cloud.create_vdc(&Caller::system(), self.org, new).await.unwrap();
        assert_eq!(self.ended(&task).await.status, TaskStatus::Success);
        vdc.id
    }
}

#[tokio::test]
async fn a_disabled_vdc_takes_no_new_work() {
    let scene = Scene::new().await;
    let (cloud, me) = (&scene.cloud, &scene.me);
    let (on, _) = scene.shop("on", true).await.unwrap();
    let (off, _) = scene.shop("off", false).await.unwrap();
    cloud.set_vdc_enabled(&Caller::system(), scene.vdc, false).await.unwrap();
    let refused = ErrorKind::InvalidState;
    scene.assert_refused(refused, scene.shop("new", false)).await;
    scene.assert_refused(refused, cloud.power_vapp(me, off.id, PowerAction::On)).await;
    scene.assert_refused(refused, cloud.deploy_vapp(me, off.id, false)).await;
    let vm = scene.all::<Vm>().await.into_iter().find(|vm| vm.vapp == off.id).unwrap();
    scene.assert_refused(refused, cloud.power_vm(me, vm.id, PowerAction::On)).await;
    // What runs goes on running, and can be stopped and deleted.
    let task = cloud.power_vapp(me, on.id, PowerAction::Off).await.unwrap();
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
    scene.delete(&on, true).await.unwrap();
    cloud.set_vdc_enabled(&Caller::system(), scene.vdc, true).await.unwrap();
    let task = cloud.power_vapp(me, off.id, PowerAction::On).await.unwrap();
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
}

#[tokio::test]
async fn processors_and_memory_run_out_at_power_on() {
    // Room for three of the four VMs: 1000 MHz and 1024 MiB each.
    for (cpu_limit_mhz, memory_limit_mib) in [(3_000, 0), (0, 3 * 1024)] {
        let scene = Scene::new().await;
        let (cloud, me) = (&scene.cloud, &scene.me);
        let vdc = scene.limited_vdc(cpu_limit_mhz, memory_limit_mib).await;
        let vm = |name: &str| NewVm {
            name: Some(name.to_owned()),
            description: None,
            source: VmSource::Empty(Box::new(specs::vm("otherGuest64", 1, 1024, 512))),
            change: VmChange::default(),
        };
        let new = |name: &str, power_on| NewVApp {
            name: name.to_owned(),
            vms: vec![vm("one"), vm("two")],
            deploy: power_on,
            power_on,
            ..NewVApp::default()
        };
        let (first, task) = cloud.create_vapp(me, vdc, new("first", true)).await.unwrap();
        scene.ended(&task).await;
        let full = ErrorKind::LimitExceeded;
        scene.assert_refused(full, cloud.create_vapp(me, vdc, new("second", true))).await;
        let (second, task) = cloud.create_vapp(me, vdc, new("second", false)).await.unwrap();
        scene.ended(&task).await;
        scene.assert_refused(full, cloud.power_vapp(me, second.id, PowerAction::On)).await;
        let vms: Vec<Vm> = scene.all().await;
        let vms: Vec<&Vm> = vms.iter().filter(|vm| vm.vapp == second.id).collect();
        let task = cloud.power_vm(me, vms[0].id, PowerAction::On).await.unwrap();
        assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
        scene.assert_refused(full, cloud.power_vm(me, vms[1].id, PowerAction::On)).await;
        // What is deleted makes room.
        scene.delete(&first, true).await.unwrap();
        let task = cloud.power_vm(me, vms[1].id, PowerAction::On).await.unwrap();
        assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
    }
}

#[tokio::test]
async fn two_at_a_time_do_not_both_get_the_rest() {
    // Slow enough that the first is still on its way when the second asks.
    let simulator = Simulator::builder(clock())
        .delay_of("power_vm", std::time::Duration::from_millis(200))
        .build();
    let scene = Scene::on(simulator, clock(), config()).await;
    let (cloud, me) = (&scene.cloud, &scene.me);
    let vdc = scene.limited_vdc(1_000, 0).await;
    let vm = |name: &str| NewVm {
        name: Some(name.to_owned()),
        description: None,
        source: VmSource::Empty(Box::new(specs::vm("otherGuest64", 1, 1024, 512))),
        change: VmChange::default(),
    };
    let new =
        NewVApp { name: "both".to_owned(), vms: vec![vm("one"), vm("two")], ..NewVApp::default() };
    let (_, task) = cloud.create_vapp(me, vdc, new).await.unwrap();
    scene.ended(&task).await;
    let (one, two) = (scene.vm("one").await, scene.vm("two").await);
    let (one, two) = tokio::join!(
        cloud.power_vm(me, one.id, PowerAction::On),
        cloud.power_vm(me, two.id, PowerAction::On),
    );
    assert!(one.is_ok() != two.is_ok(), "exactly one has room: {one:?} {two:?}");
}

#[tokio::test]
async fn what_is_deployed_does_not_grow_beyond_the_limit() {
    let scene = Scene::new().await;
    let (cloud, me) = (&scene.cloud, &scene.me);
    let vdc = scene.limited_vdc(2_000, 0).await;
    let vm = NewVm {
        name: Some("vm".to_owned()),
        description: None,
        source: VmSource::Empty(Box::new(specs::vm("otherGuest64", 1, 1024, 512))),
        change: VmChange::default(),
    };
    let new = NewVApp {
        name: "growing".to_owned(),
        vms: vec![vm],
        deploy: true,
        power_on: true,
        ..NewVApp::default()
    };
    let (_, task) = cloud.create_vapp(me, vdc, new).await.unwrap();
    scene.ended(&task).await;
    let id = scene.vm("vm").await.id;
    // Off, but it still holds what it was deployed with.
    let task = cloud.power_vm(me, id, PowerAction::Off).await.unwrap();
    scene.ended(&task).await;
    let mut change = VmChange::default();
    change.hardware.cpus = Some(3);
    let full = ErrorKind::LimitExceeded;
    scene.assert_refused(full, cloud.change_vm(me, id, "vappUpdateVm", change.clone())).await;
    change.hardware.cpus = Some(2);
    let task = cloud.change_vm(me, id, "vappUpdateVm", change).await.unwrap();
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
}

#[tokio::test]
async fn storage_runs_out() {
    let scene = Scene::new().await;
    let (cloud, me) = (&scene.cloud, &scene.me);
    let vdc = scene.limited_vdc(0, 0).await;
    // Two disks of 2048 MiB, of which three fit.
    let (first, task) = cloud.create_vapp(me, vdc, scene.new_shop("first", false)).await.unwrap();
    scene.ended(&task).await;
    let second = || cloud.create_vapp(me, vdc, scene.new_shop("second", false));
    scene.assert_refused(ErrorKind::LimitExceeded, second()).await;
    scene.delete(&first, false).await.unwrap();
    let (_, task) = second().await.unwrap();
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
}

#[tokio::test]
async fn a_backend_that_is_full_ends_the_task() {
    let clock = clock();
    let simulator = Simulator::builder(clock.clone()).capacity_vcpus(3).build();
    let scene = Scene::on(simulator, clock, config()).await;
    let (first, _) = scene.shop("first", true).await.unwrap();
    let (_, task) = scene.shop("second", true).await.unwrap();
    assert_eq!(task.status, TaskStatus::Error);
    assert_eq!(task.failure.unwrap().minor, "OPERATION_LIMITS_EXCEEDED");
    assert_eq!(scene.all::<VApp>().await.len(), 1);
    scene.assert_agreement().await;
    scene.delete(&first, true).await.unwrap();
    scene.assert_nothing_left("second").await;
}

#[tokio::test]
async fn addresses_run_out_and_come_back() {
    let scene = Scene::new().await;
    let (cloud, me) = (&scene.cloud, &scene.me);
    let scope = IpScope {
        inherited: false,
        gateway: [10, 0, 0, 1].into(),
        prefix: 24,
        dns1: None,
        dns2: None,
        dns_suffix: None,
        ranges: vec![IpRange { start: [10, 0, 0, 10].into(), end: [10, 0, 0, 11].into() }],
    };
    let new = NewNetwork { name: "net".to_owned(), description: String::new(), scope };
    let network = cloud.create_network(&Caller::system(), scene.vdc, new).await.unwrap();
    let vapp = |name: &str, vms: usize| NewVApp {
        name: name.to_owned(),
        networks: vec![VAppNetworkRequest {
            name: "net".to_owned(),
            parent: Some(network.id),
            ..VAppNetworkRequest::default()
        }],
        vms: (0..vms)
            .map(|n| NewVm {
                name: Some(format!("vm-{n}")),
                description: None,
                source: VmSource::Empty(Box::new(specs::vm("otherGuest64", 1, 512, 512))),
                change: VmChange {
                    nics: Some((
                        0,
                        vec![NicRequest {
                            network: Some("net".to_owned()),
                            connected: true,
                            mode: IpMode::Pool,
                            ..NicRequest::default()
                        }],
                    )),
                    ..VmChange::default()
                },
            })
            .collect(),
        ..NewVApp::default()
    };
    let full = ErrorKind::LimitExceeded;
    scene.assert_refused(full, cloud.create_vapp(me, scene.vdc, vapp("three", 3))).await;
    let (two, task) = cloud.create_vapp(me, scene.vdc, vapp("two", 2)).await.unwrap();
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
    let rows: Vec<Vm> = scene.all().await;
    let taken: std::collections::BTreeSet<_> = rows.iter().map(|vm| vm.spec.nics[0].ip).collect();
    assert_eq!((taken.len(), taken.contains(&None)), (2, false));
    scene.assert_refused(full, cloud.create_vapp(me, scene.vdc, vapp("one", 1))).await;
    scene.delete(&two, false).await.unwrap();
    let (_, task) = cloud.create_vapp(me, scene.vdc, vapp("one", 1)).await.unwrap();
    assert_eq!(scene.ended(&task).await.status, TaskStatus::Success);
}

#[tokio::test]
async fn names_are_unique_and_free_again() {
    let scene = Scene::new().await;
    let (vapp, _) = scene.shop("shop", false).await.unwrap();
    scene.assert_refused(ErrorKind::DuplicateName, scene.shop("shop", false)).await;
    scene.delete(&vapp, false).await.unwrap();
    let fault = ssvirt_backends::memory::Fault::on("create_vm").about("web").times(1).permanent();
    scene.simulator.faults().add(fault);
    let (_, task) = scene.shop("shop", false).await.unwrap();
    assert_eq!(task.status, TaskStatus::Error);
    let (_, task) = scene.shop("shop", false).await.unwrap();
    assert_eq!(task.status, TaskStatus::Success);
    scene.assert_agreement().await;
}

#[tokio::test]
async fn a_running_vapp_is_not_deleted_without_force() {
    let scene = Scene::new().await;
    let (cloud, me) = (&scene.cloud, &scene.me);
    let (vapp, _) = scene.shop("shop", true).await.unwrap();
    let (db, web) = (scene.vm("db").await, scene.vm("web").await);
    let refused = ErrorKind::InvalidState;
    scene.assert_refused(refused, cloud.delete_vapp(me, vapp.id, Deletion::Undeployed)).await;
    scene.assert_refused(refused, cloud.delete_vm(me, web.id, Deletion::Undeployed)).await;
    // One that runs is enough.
    let how = ssvirt_core::service::Undeploy::PowerOff;
    scene.ended(&cloud.undeploy_vm(me, web.id, how).await.unwrap()).await;
    scene.assert_refused(refused, cloud.delete_vapp(me, vapp.id, Deletion::Undeployed)).await;
    assert_eq!(scene.row(db.id).await.unwrap().state.power, PowerState::On);
    scene.delete(&vapp, true).await.unwrap();
    scene.assert_nothing_left("shop").await;
}

#[tokio::test]
async fn the_disabled_lose_their_sessions() {
    let scene = Scene::new().await;
    let (cloud, system) = (&scene.cloud, &Caller::system());
    let new = NewUser {
        name: "ann".to_owned(),
        role: role::VAPP_AUTHOR.into(),
        password: Some("secret".to_owned()),
        ..NewUser::default()
    };
    let user = cloud.create_user(system, scene.org, new).await.unwrap();
    let org = cloud.org(system, scene.org).await.unwrap().name;
    let login = || cloud.login(&org, "ann", "secret");
    let unauthorized = |error: Error| assert_eq!(error.kind(), ErrorKind::Unauthorized);

    let first = login().await.unwrap().session.id;
    assert!(cloud.authenticate(first).await.is_ok());
    cloud.set_org_enabled(system, scene.org, false).await.unwrap();
    unauthorized(cloud.authenticate(first).await.unwrap_err());
    unauthorized(login().await.unwrap_err());
    cloud.set_org_enabled(system, scene.org, true).await.unwrap();
    unauthorized(cloud.authenticate(first).await.unwrap_err());

    let second = login().await.unwrap().session.id;
    cloud.set_user_enabled(system, user.id, false).await.unwrap();
    unauthorized(cloud.authenticate(second).await.unwrap_err());
    unauthorized(login().await.unwrap_err());
    cloud.set_user_enabled(system, user.id, true).await.unwrap();
    unauthorized(cloud.authenticate(second).await.unwrap_err());
    assert!(login().await.is_ok());
}
