//! The console and the screen of a guest: WebSockets that say back what they are told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{SinkExt as _, StreamExt as _};
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{
        CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
    },
};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    upgrade,
};
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

use super::{
    Stage, objects,
    objects::text,
    subresources::{Answer, bad, busy, failed, missing},
};

const PROTOCOL: &str = "plain.kubevirt.io";
const INSTANCE: &str = "virtualmachineinstance";
const INSTANCES: &str = "virtualmachineinstances";
/// What a screen says first.
const GREETING: &[u8] = b"RFB 003.008\n";

/// Who looks at what: one at a time, each with how to send it away.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<String, Arc<Notify>>>);

impl Sessions {
    /// Takes what is looked at from whoever looks at it. None where it is to be left to them.
    fn take(&self, what: &str, is_polite: bool) -> Option<Arc<Notify>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_polite && all.contains_key(what) {
            return None;
        }
        let ours = Arc::new(Notify::new());
        if let Some(theirs) = all.insert(what.to_owned(), ours.clone()) {
            theirs.notify_one();
        }
        Some(ours)
    }

    /// Ends those of an instance, whose guest has ended.
    pub fn end(&self, space: &str, instance: &str) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for sub in ["console", "vnc"] {
            if let Some(theirs) = all.get(&what([space, INSTANCES, instance, sub])) {
                theirs.notify_one();
            }
        }
    }

    fn leave(&self, what: &str, ours: &Arc<Notify>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(what).is_some_and(|current| Arc::ptr_eq(current, ours)) {
            all.remove(what);
        }
    }
}

fn what(path: [&str; 4]) -> String {
    path.join("/")
}

/// Whether a request is for a console or a screen.
pub fn is_one([_, plural, _, sub]: [&str; 4]) -> bool {
    plural == INSTANCES && matches!(sub, "console" | "vnc")
}

/// Answers a request for one.
pub async fn open(
    stage: &Arc<Stage>,
    path: [&str; 4],
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Answer> {
    let [space, _, name, sub] = path;
    let instances = objects::within(&stage.client, space, &objects::instance());
    let vmi = instances.get_opt(name).await.map_err(|error| failed(&error))?;
    let vmi = vmi.ok_or_else(|| missing(INSTANCE, name))?;
    let devices = &vmi.data["spec"]["domain"]["devices"];
    let (device, without) = if sub == "vnc" {
        ("autoattachGraphicsDevice", "No graphics devices are present.")
    } else {
        ("autoattachSerialConsole", "No serial consoles are present.")
    };
    if devices[device] == false {
        return Err(bad(without.to_owned()));
    }
    if text(&vmi.data, "/status/phase") != "Running" {
        return Err(bad("VMI is not running".to_owned()));
    }
    let Some(accepted) = accept(request.headers()) else {
        return Err(bad("this is not a WebSocket handshake".to_owned()));
    };
    let is_polite = request.uri().query().is_some_and(|query| query == "preserveSession=true");
    let what = what(path);
    let Some(session) = stage.sessions.take(&what, is_polite) else {
        return Err(busy());
    };
    let (stage, is_screen) = (stage.clone(), sub == "vnc");
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade::on(request).await {
            let io = TokioIo::new(upgraded);
            let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
            talk(socket, &session, is_screen).await;
        }
        stage.sessions.leave(&what, &session);
    });
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = accepted;
    Ok(response)
}

/// The headers of an answer to a handshake, if it is one.
fn accept(headers: &HeaderMap) -> Option<HeaderMap> {
    let key = headers.get(SEC_WEBSOCKET_KEY)?;
    let mut accepted = HeaderMap::new();
    accepted.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    accepted.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let answer = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()?;
    accepted.insert(SEC_WEBSOCKET_ACCEPT, answer);
    let offered = headers.get(SEC_WEBSOCKET_PROTOCOL).and_then(|offered| offered.to_str().ok());
    if offered.is_some_and(|all| all.split(',').any(|one| one.trim() == PROTOCOL)) {
        accepted.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    Some(accepted)
}

async fn talk<S>(mut socket: WebSocketStream<S>, session: &Notify, is_screen: bool)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if is_screen && socket.send(Message::binary(GREETING)).await.is_err() {
        return;
    }
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            () = session.notified() => break,
        };
        match message {
            Some(Ok(Message::Binary(bytes))) => {
                if socket.send(Message::Binary(bytes)).await.is_err() {
                    return;
                }
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            Some(Ok(_)) => {}
        }
    }
    // Somebody who is gone need not be told.
    socket.close(None).await.ok();
}
