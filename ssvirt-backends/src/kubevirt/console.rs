//! Consoles: KubeVirt's subresources `console` and `vnc`, WebSockets whose messages are the bytes.
//!
//! ```text
//!   whoever opened it <- pipe -> carry <- WebSocket -> the API server -> the VM's node
//! ```
//!
//! Opening one is a call as any other; what is carried afterwards is none, and lasts as long as both sides want it.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::{
    Request, Response, StatusCode,
    header::{
        CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use hyper::upgrade::{self, Upgraded};
use hyper_util::rt::TokioIo;
use kube::{
    Client,
    client::{
        Body,
        UpgradeConnectionError::{
            GetPendingUpgrade, SecWebSocketAcceptKeyMismatch, SecWebSocketProtocolMismatch,
        },
    },
    core::Status,
};
use ssvirt_core::{
    Error, Result,
    backend::{ConsoleKind, ConsoleStream, VmRef},
    model::PowerState,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex, split},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::{client::generate_key, derive_accept_key},
        protocol::Role,
    },
};

use super::{
    call::raw,
    error::error,
    vms::{Vms, what},
};

/// What KubeVirt calls messages that are nothing but bytes.
const PROTOCOL: &str = "plain.kubevirt.io";
/// Bytes on their way, each way. Who does not read holds up the guest, and nobody else.
const PIPE: usize = 1 << 16;
/// Bytes of a message at most.
const CHUNK: usize = 1 << 14;
/// How often the other side is asked whether it is there. Proxies in between cut what is silent for a minute.
const PING: Duration = Duration::from_secs(25);
/// How long it may say nothing, not even to that.
const SILENCE: Duration = Duration::from_secs(90);
/// How long it has to take our leave.
const LEAVE: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

impl Vms {
    /// Opens a console of a VM.
    pub async fn console(&self, target: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
        let found = self.get(target).await?;
        if found.state().power != PowerState::On {
            return Err(does_not_run(target));
        }
        let sub = match kind {
            ConsoleKind::Serial => "console",
            ConsoleKind::Screen => "vnc",
        };
        let path = format!(
            "/apis/subresources.kubevirt.io/v1/namespaces/{}/virtualmachineinstances/{}/{sub}",
            found.namespace,
            found.name(),
        );
        let socket = raw(open(&self.client, path)).await?;
        let socket = socket.map_err(|cause| refused(target, kind, cause))?;
        let (ours, theirs) = duplex(PIPE);
        tokio::spawn(carry(ours, socket));
        Ok(Box::new(theirs))
    }
}

fn does_not_run(target: VmRef) -> Error {
    Error::invalid_state(format!("{} does not run.", what(target)))
}

/// KubeVirt calls a request bad that comes at the wrong time, or for what the VM does not have.
fn refused(target: VmRef, kind: ConsoleKind, cause: kube::Error) -> Error {
    let kube::Error::Api(status) = &cause else { return error(&what(target), cause) };
    let refusal = match status.code {
        400 if status.message.contains("devices are present")
            || status.message.contains("consoles are present") =>
        {
            Error::invalid_state(format!("{} has no {kind}.", what(target)))
        }
        // It was stopped meanwhile, or has not started yet.
        400 | 404 | 409 => does_not_run(target),
        _ => return error(&what(target), cause),
    };
    refusal.with_source(cause)
}

/// Opens a WebSocket. kube's own `connect` speaks Kubernetes' protocols alone.
async fn open(client: &Client, path: String) -> kube::Result<Socket> {
    let key = generate_key();
    let request = Request::get(path)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key)
        .header(SEC_WEBSOCKET_PROTOCOL, PROTOCOL)
        .body(Body::empty())
        .map_err(kube::Error::HttpError)?;
    let answer = client.send(request).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refusal(answer).await);
    }
    if !has(&answer, SEC_WEBSOCKET_ACCEPT, &derive_accept_key(key.as_bytes())) {
        return Err(kube::Error::UpgradeConnection(SecWebSocketAcceptKeyMismatch));
    }
    if !has(&answer, SEC_WEBSOCKET_PROTOCOL, PROTOCOL) {
        return Err(kube::Error::UpgradeConnection(SecWebSocketProtocolMismatch));
    }
    let upgraded = upgrade::on(answer)
        .await
        .map_err(|cause| kube::Error::UpgradeConnection(GetPendingUpgrade(cause)))?;
    Ok(Socket::from_raw_socket(TokioIo::new(upgraded), Role::Client, None).await)
}

fn has(answer: &Response<Body>, header: HeaderName, expected: &str) -> bool {
    answer.headers().get(header).is_some_and(|value| value == expected)
}

/// What the API server says where it opens none.
async fn refusal(answer: Response<Body>) -> kube::Error {
    let code = answer.status().as_u16();
    match answer.into_body().collect_bytes().await {
        Ok(body) => {
            let said = serde_json::from_slice(&body).unwrap_or_default();
            kube::Error::Api(Status { code, ..said }.boxed())
        }
        Err(cause) => cause,
    }
}

/// Carries bytes both ways until either side has enough.
async fn carry(pipe: DuplexStream, socket: Socket) {
    let (mut from_user, mut to_user) = split(pipe);
    let (mut to_guest, mut from_guest) = socket.split();
    let down = async {
        // Time goes by only while the other side is waited for, and not while its words are read.
        while let Ok(Some(Ok(message))) = timeout(SILENCE, from_guest.next()).await {
            let bytes = match message {
                Message::Binary(bytes) => bytes,
                Message::Close(_) => return,
                _ => continue,
            };
            if to_user.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    let up = async {
        let mut chunk = vec![0; CHUNK];
        let mut pings = interval(PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                read = from_user.read(&mut chunk) => match read {
                    Ok(read @ 1..) => Message::binary(chunk[..read].to_vec()),
                    Ok(0) | Err(_) => return,
                },
                _ = pings.tick() => Message::Ping(Vec::new().into()),
            };
            if to_guest.send(message).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = down => {}
        () = up => {}
    }
    // Somebody who is gone need not be told.
    let _ = timeout(LEAVE, to_guest.close()).await;
}

#[cfg(test)]
mod tests {
    use ssvirt_core::{ErrorKind, Id};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn refusals_are_sentences_of_ours() {
        let target = VmRef { vm: Id::new(Uuid::from_u128(1)), vdc: Id::new(Uuid::from_u128(2)) };
        for (code, message, kind, text) in [
            (400, "VMI is not running", ErrorKind::InvalidState, "does not run."),
            (400, "No graphics devices are present.", ErrorKind::InvalidState, "has no screen."),
            (
                404,
                "virtualmachineinstances.kubevirt.io \"web\" not found in vdc-a",
                ErrorKind::InvalidState,
                "does not run.",
            ),
            (
                403,
                "virtualmachineinstances/vnc is forbidden: User \"ssvirt\" cannot get resource in vdc-a",
                ErrorKind::Unavailable,
                "does not allow the server",
            ),
            (500, "dial tcp 10.0.0.1:8186: connect", ErrorKind::Unavailable, "not available"),
        ] {
            let status = Status { code, message: message.to_owned(), ..Status::default() };
            let error = refused(target, ConsoleKind::Screen, kube::Error::Api(status.boxed()));
            assert_eq!(error.kind(), kind, "{message}");
            assert!(error.message().contains(text), "{}", error.message());
            for secret in ["vdc-a", "10.0.0.1", "User", "VMI"] {
                assert!(!error.message().contains(secret), "{}", error.message());
            }
        }
    }
}
