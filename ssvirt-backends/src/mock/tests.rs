//! Scripts.

use futures_util::StreamExt;
use ssvirt_core::{
    CatalogSource, ErrorKind, Id, VmBackend,
    backend::{Capabilities, ConsoleKind, PowerAction, VmEvent, VmRef},
    model::{PowerState, VmState},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

use super::{MockBackend, MockCatalog, Reply};

fn vm() -> VmRef {
    VmRef { vm: Id::new(Uuid::from_u128(1)), vdc: Id::new(Uuid::from_u128(2)) }
}

#[tokio::test]
async fn a_script_is_followed() {
    let mock = MockBackend::new().claiming(Capabilities::default());
    assert!(!mock.capabilities().suspend);
    mock.expect("power_vm").about("On *").times(2).fail(ErrorKind::Unavailable, "away");
    mock.expect("power_vm").about("On *").reply(PowerState::On);
    mock.expect("vm").always().reply(None::<VmState>);
    mock.expect("delete_vm").reply(());
    mock.start(Vec::new()).await.unwrap();
    mock.health().await.unwrap();
    for _ in 0..2 {
        assert_eq!(mock.power_vm(vm(), PowerAction::On).await.unwrap_err().message(), "away");
    }
    assert_eq!(mock.power_vm(vm(), PowerAction::On).await.unwrap().power, PowerState::On);
    assert_eq!(mock.vm(vm()).await.unwrap(), None);
    assert_eq!(mock.verify().unwrap_err(), "did not come: delete_vm(*), 1 times more");
    mock.delete_vm(vm()).await.unwrap();
    assert_eq!(mock.verify(), Ok(()));
    assert_eq!(mock.calls().len(), 7);
}

#[tokio::test]
async fn what_is_not_in_the_script_is_reported() {
    let mock = MockBackend::new();
    let error = mock.delete_vm(vm()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    let detail = std::error::Error::source(&error).unwrap().to_string();
    assert!(detail.contains("does not expect backend delete_vm("), "{detail}");
    assert!(mock.verify().unwrap_err().starts_with("not in the script: backend delete_vm("));
    mock.expect("vms").reply(Reply::Done);
    assert_eq!(
        mock.vms(vm().vdc).await.unwrap_err().kind(),
        ErrorKind::Internal,
        "the reply does not fit"
    );
}

#[tokio::test]
async fn events_are_sent_until_the_end() {
    let mock = MockBackend::new();
    let events = mock.watch();
    mock.emit(&VmEvent::Gone(vm()));
    mock.stop().await;
    assert_eq!(events.collect::<Vec<_>>().await, [VmEvent::Gone(vm())]);
}

#[tokio::test]
async fn a_console_says_what_the_script_says() {
    let mock = MockBackend::new();
    mock.expect("console").about("Serial *").reply("login: ");
    let mut console = mock.console(vm(), ConsoleKind::Serial).await.unwrap();
    console.write_all(b"root\r").await.unwrap();
    let mut said = String::new();
    console.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "login: ");
    assert!(mock.console(vm(), ConsoleKind::Screen).await.is_err());
}

#[tokio::test]
async fn a_catalog_has_a_script_too() {
    let mock = MockCatalog::new();
    mock.expect("items").fail(ErrorKind::Unavailable, "away");
    mock.expect("items").reply(Vec::<ssvirt_core::catalog::SourceItem>::new());
    mock.expect("item").about("a*").reply(None::<ssvirt_core::catalog::SourceItem>);
    assert!(mock.items().await.unwrap_err().is_retriable());
    assert_eq!(mock.items().await.unwrap(), []);
    assert_eq!(mock.item("abc").await.unwrap(), None);
    assert_eq!(mock.verify(), Ok(()));
    assert!(mock.item("b").await.is_err());
    assert!(mock.verify().is_err());
}
