//! Serial consoles and screens.

use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use kube::client::Body;
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use super::world::{Outcome, PATIENCE, World, diskless};

#[tokio::test(flavor = "multi_thread")]
async fn consoles_say_back_what_they_are_told() -> Outcome {
    let Some((world, _)) = World::shared("consoles").await else { return Ok(()) };
    let open = async |sub: &str| {
        let path = format!(
            "/apis/subresources.kubevirt.io/v1/namespaces/{}/virtualmachineinstances/web-1/{sub}",
            world.space
        );
        let request = http::Request::get(path)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", "plain.kubevirt.io")
            .body(Body::empty())
            .unwrap();
        let response = world.client.send(request).await.unwrap();
        let code = response.status().as_u16();
        if code != 101 {
            return Err(code);
        }
        assert_eq!(response.headers()["sec-websocket-protocol"], "plain.kubevirt.io");
        let upgraded = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
        Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await)
    };
    assert_eq!(open("console").await.err(), Some(404));
    world.create(&diskless("web-1", "Always")).await?;
    world.until("web-1", "Running").await;
    let mut console = open("console").await.unwrap();
    console.send(Message::binary("login: ".as_bytes())).await?;
    assert_eq!(
        timeout(PATIENCE, console.next()).await?.unwrap()?.into_data(),
        "login: ".as_bytes()
    );

    let mut screen = open("vnc").await.unwrap();
    assert_eq!(
        timeout(PATIENCE, screen.next()).await?.unwrap()?.into_data(),
        "RFB 003.008\n".as_bytes()
    );
    // Whoever comes takes it from whoever was there.
    let mut other = open("vnc").await.unwrap();
    assert_eq!(
        timeout(PATIENCE, other.next()).await?.unwrap()?.into_data(),
        "RFB 003.008\n".as_bytes()
    );
    let end = timeout(PATIENCE, screen.next()).await?;
    assert!(matches!(end, None | Some(Ok(Message::Close(_)) | Err(_))), "{end:?}");
    // And with the guest all ends.
    world.call("PUT", "virtualmachines/web-1/stop", r#"{"gracePeriod":0}"#).await.unwrap();
    for session in [&mut console, &mut other] {
        let end = timeout(PATIENCE, session.next()).await?;
        assert!(matches!(end, None | Some(Ok(Message::Close(_)) | Err(_))), "{end:?}");
    }
    Ok(())
}
