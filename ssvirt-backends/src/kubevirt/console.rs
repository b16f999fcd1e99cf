//! Consoles: KubeVirt's subresources `console` and `vnc`, WebSockets whose messages are the bytes.
//!
//! ```text
//!   whoever opened it <- pipe -> carry <- WebSocket -> the API server -> the VM's node
//! ```
//!
//! Opening one is a call as any other; what is carried afterwards is none, and lasts as long as both sides want it.

use std::{pin::pin, sync::Arc, time::Duration};

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
            GetPendingUpgrade, ProtocolSwitch, SecWebSocketAcceptKeyMismatch,
            SecWebSocketProtocolMismatch,
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
    io::{
        AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, duplex, split,
    },
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::{client::generate_key, derive_accept_key},
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    call::raw,
    cluster::CONSOLES,
    error::error,
    resources::instance::InstancePhase,
    vms::{Vms, what},
};

/// What KubeVirt calls messages that are nothing but bytes.
const PROTOCOL: &str = "plain.kubevirt.io";
/// Bytes on their way, each way. Who does not read holds up the guest, and nobody else.
const PIPE: usize = 1 << 16;
/// Bytes of a message of ours at most.
const CHUNK: usize = 1 << 14;
/// Bytes of a message of KubeVirt's at most, which sends 32 KiB.
const MESSAGE: usize = 1 << 20;
/// How long it may take to open one: somebody waits for it.
const OPEN: Duration = Duration::from_secs(20);
/// Sessions at a time. Each has a connection to the API server.
const SESSIONS: usize = 256;
/// How often the other side is asked whether it is there. Proxies in between cut what is silent for a minute.
const PING: Duration = Duration::from_secs(25);
/// How long it may say nothing, not even to that.
const SILENCE: Duration = Duration::from_secs(90);
/// How long it has to take our leave.
const LEAVE: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Room for sessions, which all consoles of a cluster share.
#[derive(Clone)]
pub(super) struct Sessions(Arc<Semaphore>);

impl Default for Sessions {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SESSIONS)))
    }
}

/// One of them, for as long as it lasts.
struct Session {
    _place: OwnedSemaphorePermit,
    kind: &'static str,
}

impl Session {
    fn begin(of: &Sessions, kind: ConsoleKind) -> Result<Self> {
        let full = |_| Error::unavailable("Too many consoles are open.");
        let place = of.0.clone().try_acquire_owned().map_err(full)?;
        let kind = sub(kind);
        metrics::gauge!(CONSOLES, "kind" => kind).increment(1);
        Ok(Self { _place: place, kind })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        metrics::gauge!(CONSOLES, "kind" => self.kind).decrement(1);
    }
}

/// KubeVirt's name of a console.
const fn sub(kind: ConsoleKind) -> &'static str {
    match kind {
        ConsoleKind::Serial => "console",
        ConsoleKind::Screen => "vnc",
    }
}

impl Vms {
    /// Opens a console of a VM.
    pub async fn console(&self, target: VmRef, kind: ConsoleKind) -> Result<ConsoleStream> {
        let session = Session::begin(&self.sessions, kind)?;
        let socket = timeout(OPEN, self.open_console(target, kind))
            .await
            .map_err(|_| not_available(target, kind))??;
        let (ours, theirs) = duplex(PIPE);
        tokio::spawn(async move {
            let end = carry(ours, socket).await;
            tracing::debug!(vm = %target.vm, ?kind, end, "a console's session has ended");
            drop(session);
        });
        Ok(Box::new(theirs))
    }

    async fn open_console(&self, target: VmRef, kind: ConsoleKind) -> Result<Socket> {
        let found = self.get(target).await?;
        if found.state().power != PowerState::On {
            return Err(does_not_run(target));
        }
        let status = found.instance.as_ref().and_then(|instance| instance.status.as_ref());
        if status.is_none_or(|status| status.phase != Some(InstancePhase::Running)) {
            return Err(Error::unavailable(format!("{} has not started yet.", what(target))));
        }
        let path = format!(
            "/apis/subresources.kubevirt.io/v1/namespaces/{}/virtualmachineinstances/{}/{}",
            found.namespace,
            found.name(),
            sub(kind),
        );
        raw(open(&self.client, path)).await?.map_err(|cause| refused(target, kind, cause))
    }
}

fn does_not_run(target: VmRef) -> Error {
    Error::invalid_state(format!("{} does not run.", what(target)))
}

fn not_available(target: VmRef, kind: ConsoleKind) -> Error {
    Error::unavailable(format!("The {kind} of {} is not available just now.", what(target)))
}

/// KubeVirt calls a request bad that comes at the wrong time, for what the VM does not have, and whose node it does not
/// reach.
fn refused(target: VmRef, kind: ConsoleKind, cause: kube::Error) -> Error {
    let kube::Error::Api(status) = &cause else { return error(&what(target), cause) };
    let says = |all: &[&str]| all.iter().any(|words| status.message.contains(words));
    // Also a cluster is not found, and has conflicts, in which KubeVirt answers nothing just now.
    let is_named = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
    let refusal = match status.code {
        400 if says(&["devices are present", "consoles are present"]) => {
            Error::invalid_state(format!("{} has no {kind}.", what(target)))
        }
        // It was stopped meanwhile.
        400 if says(&["is not running", "because phase is"]) => does_not_run(target),
        404 | 409 if is_named => does_not_run(target),
        400 | 404 | 409 | 500 => not_available(target, kind),
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
    Ok(Socket::from_raw_socket(TokioIo::new(upgraded), Role::Client, Some(limits())).await)
}

fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(CHUNK)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE))
        .max_frame_size(Some(MESSAGE))
}

fn has(answer: &Response<Body>, header: HeaderName, expected: &str) -> bool {
    answer.headers().get(header).is_some_and(|value| value == expected)
}

/// What the API server says where it opens none.
async fn refusal(answer: Response<Body>) -> kube::Error {
    let status = answer.status();
    if !status.is_client_error() && !status.is_server_error() {
        // Something in between that does not know WebSockets.
        return kube::Error::UpgradeConnection(ProtocolSwitch(status));
    }
    let code = status.as_u16();
    match answer.into_body().collect_bytes().await {
        Ok(body) => {
            let said = serde_json::from_slice(&body).unwrap_or_default();
            kube::Error::Api(Status { code, ..said }.boxed())
        }
        Err(cause) => cause,
    }
}

/// Carries bytes both ways until either side has enough. Who that was.
async fn carry<S>(pipe: DuplexStream, socket: WebSocketStream<S>) -> &'static str
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut from_user, mut to_user) = split(pipe);
    let (mut to_guest, mut from_guest) = socket.split();
    let down = async {
        // Time goes by only while the other side is waited for, and not while its words are read.
        loop {
            let bytes = match timeout(SILENCE, from_guest.next()).await {
                Ok(Some(Ok(Message::Binary(bytes)))) => bytes,
                Ok(Some(Ok(Message::Close(_))) | None) => return "the guest's side",
                Ok(Some(Ok(_))) => continue,
                Ok(Some(Err(_))) => return "the connection",
                Err(_) => return "silence",
            };
            if to_user.write_all(&bytes).await.is_err() {
                return "the viewer";
            }
        }
    };
    let up = async {
        let mut chunk = vec![0; CHUNK];
        let mut pings = interval_at(Instant::now() + PING, PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                read = from_user.read(&mut chunk) => match read {
                    Ok(read @ 1..) => Message::binary(chunk[..read].to_vec()),
                    Ok(0) | Err(_) => return "the viewer",
                },
                _ = pings.tick() => Message::Ping(Vec::new().into()),
            };
            if to_guest.send(message).await.is_err() {
                return "the connection";
            }
        }
    };
    let end = {
        let mut down = pin!(down);
        tokio::select! {
            end = &mut down => end,
            end = up => match end {
                "the viewer" => end,
                // Whoever hears no more may have said something before.
                _ => timeout(LEAVE, down).await.unwrap_or(end),
            },
        }
    };
    // The viewer need not wait for our leave.
    drop((from_user, to_user));
    let leave = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    // Somebody who is gone need not be told.
    let _ = timeout(LEAVE, to_guest.send(Message::Close(Some(leave)))).await;
    end
}

#[cfg(test)]
mod tests;
