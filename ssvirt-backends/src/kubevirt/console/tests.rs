//! How a session is opened, lasts and ends, without a cluster.

use futures_util::{SinkExt as _, StreamExt as _};
use kube::core::response::StatusDetails;
use ssvirt_core::{ErrorKind, Id};
use tokio::{task::JoinHandle, time::sleep};
use tower::{BoxError, service_fn};
use uuid::Uuid;

use super::*;

fn target() -> VmRef {
    VmRef { vm: Id::new(Uuid::from_u128(1)), vdc: Id::new(Uuid::from_u128(2)) }
}

#[test]
fn refusals_are_sentences_of_ours() {
    for (code, name, message, kind, text) in [
        (400, "", "VMI is not running", ErrorKind::InvalidState, "does not run."),
        (400, "", "No graphics devices are present.", ErrorKind::InvalidState, "has no screen."),
        (400, "", "No virt-handler on node worker-3 found", ErrorKind::Unavailable, "just now"),
        (404, "web", "\"web\" not found in vdc-a", ErrorKind::InvalidState, "does not run."),
        (404, "", "the server could not find it", ErrorKind::Unavailable, "just now"),
        (
            403,
            "",
            "virtualmachineinstances/vnc is forbidden: User \"ssvirt\" cannot get resource in vdc-a",
            ErrorKind::Unavailable,
            "does not allow the server",
        ),
        (500, "", "dial tcp 10.0.0.1:8186: connect", ErrorKind::Unavailable, "just now"),
    ] {
        let details = StatusDetails {
            name: name.to_owned(),
            group: String::new(),
            kind: String::new(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds: 0,
        };
        let message = message.to_owned();
        let status = Status { code, message, details: Some(details), ..Status::default() };
        let error = refused(target(), ConsoleKind::Screen, kube::Error::Api(status.boxed()));
        assert_eq!(error.kind(), kind, "{code} {name}");
        assert!(error.message().contains(text), "{}", error.message());
        for secret in ["vdc-a", "10.0.0.1", "User", "VMI", "worker-3"] {
            assert!(!error.message().contains(secret), "{}", error.message());
        }
    }
}

/// What is no handshake is none, and is not waited for.
#[tokio::test(start_paused = true)]
async fn what_is_no_websocket_is_refused() {
    for (status, accept, protocol) in [
        (200, "", ""),
        (302, "", ""),
        (101, "", PROTOCOL),
        (101, "another key's", PROTOCOL),
        (101, "right", ""),
        (101, "right", "v5.channel.k8s.io"),
    ] {
        let service = service_fn(move |request: Request<Body>| async move {
            let key = derive_accept_key(request.headers()[SEC_WEBSOCKET_KEY].as_bytes());
            let accept = if accept == "right" { key.as_str() } else { accept };
            let answer = Response::builder().status(status);
            let answer = answer.header(SEC_WEBSOCKET_ACCEPT, accept);
            let answer = answer.header(SEC_WEBSOCKET_PROTOCOL, protocol).body(Body::empty());
            Ok::<_, BoxError>(answer?)
        });
        let client = Client::new(service, "default");
        let cause = open(&client, "/vnc".to_owned()).await.err().unwrap();
        assert!(matches!(cause, kube::Error::UpgradeConnection(_)), "{status} {accept}: {cause}");
        let error = refused(target(), ConsoleKind::Screen, cause);
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{status} {accept}");
    }
}

/// A viewer, the session, and the guest's side.
async fn session() -> (DuplexStream, JoinHandle<&'static str>, WebSocketStream<DuplexStream>) {
    let (viewer, ours) = duplex(PIPE);
    let (near, far) = duplex(PIPE);
    let near = WebSocketStream::from_raw_socket(near, Role::Client, Some(limits())).await;
    let far = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    (viewer, tokio::spawn(carry(ours, near)), far)
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_at_all_is_gone() {
    let (mut viewer, session, _far) = session().await;
    let start = Instant::now();
    assert_eq!(viewer.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(start.elapsed(), SILENCE);
    assert_eq!(session.await.unwrap(), "silence");
}

#[tokio::test(start_paused = true)]
async fn who_answers_pings_is_there() {
    let (mut viewer, session, mut far) = session().await;
    // Whoever reads a ping answers it.
    let guest = tokio::spawn(async move {
        let mut pings = 0;
        while let Some(Ok(message)) = far.next().await {
            match message {
                Message::Ping(_) => pings += 1,
                Message::Binary(_) => break,
                other => panic!("{other:?}"),
            }
        }
        (pings, far)
    });
    sleep(Duration::from_secs(610)).await;
    assert!(!session.is_finished());
    viewer.write_all(b"x").await.unwrap();
    let (pings, _far) = guest.await.unwrap();
    assert_eq!(pings, 610 / PING.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_does_not_read_loses_nothing() {
    let (mut viewer, session, far) = session().await;
    let (mut says, mut hears) = far.split();
    let hears = tokio::spawn(async move { while hears.next().await.is_some() {} });
    let many: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 20).collect();
    let said = many.clone();
    let says = tokio::spawn(async move {
        for chunk in said.chunks(1 << 15) {
            says.send(Message::binary(chunk.to_vec())).await.unwrap();
        }
        says
    });
    sleep(Duration::from_secs(300)).await;
    assert!(!session.is_finished() && !says.is_finished());
    let mut heard = vec![0; many.len()];
    viewer.read_exact(&mut heard).await.unwrap();
    assert!(heard == many);
    drop(viewer);
    drop(says.await.unwrap());
    hears.await.unwrap();
    assert_eq!(session.await.unwrap(), "the viewer");
}

#[tokio::test(start_paused = true)]
async fn who_leaves_says_so() {
    let (viewer, session, mut far) = session().await;
    drop(viewer);
    let start = Instant::now();
    loop {
        match far.next().await.unwrap().unwrap() {
            Message::Close(frame) => {
                assert_eq!(frame.unwrap().code, CloseCode::Normal);
                break;
            }
            message => assert!(message.is_ping(), "{message:?}"),
        }
    }
    assert!(start.elapsed() < LEAVE);
    assert_eq!(session.await.unwrap(), "the viewer");
}

#[tokio::test(start_paused = true)]
async fn what_the_guest_ends_has_ended() {
    for is_polite in [true, false] {
        let (mut viewer, session, mut far) = session().await;
        far.send(Message::binary(b"bye".to_vec())).await.unwrap();
        if is_polite {
            far.close(None).await.unwrap();
        }
        drop(far);
        let mut heard = Vec::new();
        viewer.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"bye");
        assert_ne!(session.await.unwrap(), "the viewer");
    }
}

#[test]
fn there_is_room_for_so_many() {
    let sessions = Sessions::default();
    let all: Vec<_> =
        (0..SESSIONS).map(|_| Session::begin(&sessions, ConsoleKind::Serial).unwrap()).collect();
    let full = Session::begin(&sessions, ConsoleKind::Serial).err().unwrap();
    assert_eq!(full.kind(), ErrorKind::Unavailable);
    drop(all);
    assert!(Session::begin(&sessions, ConsoleKind::Serial).is_ok());
}
