//! Consoles.

use std::time::Duration;

use ssvirt_core::{
    ErrorKind, VmBackend,
    backend::{ConsoleKind, ConsoleStream, PowerAction, VmPlan, VmRef},
    model::PowerState,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, timeout},
};

use super::{
    Check,
    scene::{PATIENCE, Scene, ensure, new_plan, said},
};

/// How long a guest that talks without a pause is listened to.
const TALK: Duration = Duration::from_secs(5);

const BOTH: [ConsoleKind; 2] = [ConsoleKind::Serial, ConsoleKind::Screen];

async fn open(scene: &Scene<'_>, vm: &VmPlan, kind: ConsoleKind) -> Result<ConsoleStream, String> {
    scene.backend.console(vm.target, kind).await.map_err(said(&format!("opening the {kind}")))
}

/// As many bytes as are asked for.
async fn read<const N: usize>(console: &mut ConsoleStream, what: &str) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    match timeout(PATIENCE, console.read_exact(&mut bytes)).await {
        Ok(Ok(_)) => Ok(bytes),
        Ok(Err(error)) => Err(format!("{what}: {error}")),
        Err(_) => Err(format!("{what}: nothing comes")),
    }
}

/// An RFB server speaks first, and says which version.
async fn is_greeted(screen: &mut ConsoleStream) -> Check {
    let greeting: [u8; 12] = read(screen, "the screen's greeting").await?;
    ensure!(
        greeting.starts_with(b"RFB 003.") && greeting.ends_with(b"\n"),
        "the screen says {:?}, which no VNC client takes for a greeting",
        greeting.escape_ascii().to_string()
    );
    Ok(())
}

/// The session must come to its end, whatever is said before.
async fn ends(mut console: ConsoleStream, kind: ConsoleKind, when: &str) -> Check {
    let mut rest = Vec::new();
    let end = timeout(PATIENCE, console.read_to_end(&mut rest)).await;
    // How it ends is not promised: the last words may be lost.
    ensure!(end.is_ok(), "the session at the {kind} goes on {when}");
    Ok(())
}

async fn is_refused(backend: &dyn VmBackend, vm: VmRef, kind: ErrorKind, what: &str) -> Check {
    for console in BOTH {
        match backend.console(vm, console).await {
            Ok(_) => return Err(format!("the {console} of {what} was opened")),
            Err(error) => ensure!(
                error.kind() == kind,
                "the {console} of {what} was refused with {:?}, not {kind:?}",
                error.kind()
            ),
        }
    }
    Ok(())
}

/// The serial console is a stream both ways: something comes back for a line that is typed.
pub async fn serial_answers(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    let mut serial = open(&scene, &vm, ConsoleKind::Serial).await?;
    // What it says by itself is over when it says nothing for a moment.
    let mut chunk = [0; 1024];
    let quiet = Duration::from_millis(300);
    let until = Instant::now() + TALK;
    while let Ok(read) = timeout(quiet, serial.read(&mut chunk)).await {
        if Instant::now() > until {
            break;
        }
        let read = read.map_err(|error| format!("reading the serial console: {error}"))?;
        ensure!(read > 0, "the serial console ends before anything is typed");
    }
    let typed = async {
        serial.write_all(b"suite\r").await?;
        serial.flush().await
    };
    typed.await.map_err(|error| format!("typing at the serial console: {error}"))?;
    read::<1>(&mut serial, "the serial console's answer").await.map(drop)
}

/// The screen is RFB from the first byte on.
pub async fn screen_greets(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    is_greeted(&mut open(&scene, &vm, ConsoleKind::Screen).await?).await
}

/// A session that was dropped, or is still there, is in nobody's way; and none does anything to the VM.
pub async fn opens_again(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    drop(open(&scene, &vm, ConsoleKind::Screen).await?);
    let mut first = open(&scene, &vm, ConsoleKind::Screen).await?;
    is_greeted(&mut first).await?;
    let mut second = open(&scene, &vm, ConsoleKind::Screen).await?;
    is_greeted(&mut second).await?;
    drop((first, second));
    scene.is(vm.target, PowerState::On, "after sessions at its screen").await
}

/// A VM that is off has no console, nor has one that was never on; there is one again when it runs.
pub async fn a_vm_that_is_off_is_refused(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.create("vm").await?;
    is_refused(backend, vm.target, ErrorKind::InvalidState, "a VM that was never on").await?;
    scene.power(&vm, PowerAction::On, PowerState::On).await?;
    drop(open(&scene, &vm, ConsoleKind::Serial).await?);
    scene.power(&vm, PowerAction::Off, PowerState::Off).await?;
    is_refused(backend, vm.target, ErrorKind::InvalidState, "a VM that is off").await
}

/// A VM that is not there has no console, and no repetition would help.
pub async fn an_unknown_vm_is_refused(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let unknown = new_plan(&scene.place, "unknown").target;
    is_refused(backend, unknown, ErrorKind::InvalidState, "a VM that is not there").await?;
    scene.is_gone(unknown, "after its console was asked for").await
}

/// Sessions end when the VM is powered off, and leave those of others alone.
pub async fn power_off_ends_it(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let (vm, other) = (scene.running("vm").await?, scene.running("other").await?);
    let serial = open(&scene, &vm, ConsoleKind::Serial).await?;
    let screen = open(&scene, &vm, ConsoleKind::Screen).await?;
    let mut others = open(&scene, &other, ConsoleKind::Screen).await?;
    scene.power(&vm, PowerAction::Off, PowerState::Off).await?;
    ends(serial, ConsoleKind::Serial, "after its VM was powered off").await?;
    ends(screen, ConsoleKind::Screen, "after its VM was powered off").await?;
    is_greeted(&mut others).await?;
    let end = timeout(Duration::from_millis(200), others.read(&mut [0])).await;
    ensure!(end.is_err(), "the session at another VM's screen has ended too");
    Ok(())
}

/// Sessions end when the VM is deleted.
pub async fn deletion_ends_it(backend: &dyn VmBackend) -> Check {
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    let screen = open(&scene, &vm, ConsoleKind::Screen).await?;
    backend.delete_vm(vm.target).await.map_err(said("delete_vm"))?;
    ends(screen, ConsoleKind::Screen, "after its VM was deleted").await
}

/// Where the capability is not claimed, consoles answer `NotSupported`.
pub async fn what_is_not_claimed_is_refused(backend: &dyn VmBackend) -> Check {
    if backend.capabilities().console {
        return Ok(());
    }
    let scene = Scene::new(backend).await?;
    let vm = scene.running("vm").await?;
    is_refused(backend, vm.target, ErrorKind::NotSupported, "a VM of this backend").await
}
