//! What is said at consoles, by people, VNC clients and everybody else.

use std::time::Duration;

use proptest::prelude::*;
use ssvirt_core::{
    ErrorKind, VmBackend,
    backend::{ConsoleKind, ConsoleStream, PowerAction, VmPlan},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    Guest,
    picture::{Format, HEIGHT, Part, WIDTH},
    screen::Screen,
    serial::Serial,
};
use crate::memory::{
    Simulator, SimulatorBuilder,
    tests::{clock, place, plan},
};

/// A VM that runs.
async fn running(builder: SimulatorBuilder) -> (Simulator, VmPlan) {
    let simulator = builder.build();
    let plan = plan(place(100).vdc, 1);
    simulator.ensure_place(&place(100)).await.unwrap();
    simulator.create_vm(&plan).await.unwrap();
    simulator.power_vm(plan.target, PowerAction::On).await.unwrap();
    (simulator, plan)
}

async fn heard(console: &mut ConsoleStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    console.read_exact(&mut bytes).await.unwrap();
    bytes
}

async fn hears(console: &mut ConsoleStream, text: &str) {
    let said = heard(console, text.len()).await;
    assert_eq!(String::from_utf8(said).unwrap(), text);
}

#[tokio::test]
async fn a_guest_asks_who_is_there() {
    let (simulator, plan) = running(Simulator::builder(clock())).await;
    let mut console = simulator.console(plan.target, ConsoleKind::Serial).await.unwrap();
    hears(&mut console, "\r\nUbuntu Linux (64-bit) web-1 ttyS0\r\n\r\nweb-1 login: ").await;
    console.write_all(b"\x7froo\x08ot\x1b\r").await.unwrap();
    hears(&mut console, "roo\x08 \x08ot\r\n\r\nLogin incorrect\r\nweb-1 login: ").await;
    console.write_all(b"\r").await.unwrap();
    hears(&mut console, "\r\nweb-1 login: ").await;

    // Another one is another session.
    let mut other = simulator.console(plan.target, ConsoleKind::Serial).await.unwrap();
    hears(&mut other, "\r\nUbuntu").await;
    simulator.power_vm(plan.target, PowerAction::Off).await.unwrap();
    for session in [&mut console, &mut other] {
        session.read_to_end(&mut Vec::new()).await.unwrap();
        assert!(session.write_all(b"x").await.is_err());
    }
    let refused = simulator.console(plan.target, ConsoleKind::Serial).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::InvalidState);
}

#[tokio::test]
async fn a_guest_that_boots_says_so() {
    let clock = clock();
    let boot_time = Duration::from_secs(30);
    let (simulator, plan) = running(Simulator::builder(clock.clone()).boot_time(boot_time)).await;
    let mut console = simulator.console(plan.target, ConsoleKind::Serial).await.unwrap();
    console.write_all(b"nobody hears it\r").await.unwrap();
    hears(&mut console, "\r\nweb-1 boots.\r\n").await;
    clock.advance(boot_time);
    simulator.settle();
    hears(&mut console, "\r\nUbuntu Linux (64-bit) web-1 ttyS0\r\n\r\nweb-1 login: ").await;
    simulator.power_vm(plan.target, PowerAction::Reset).await.unwrap();
    hears(&mut console, "\r\nweb-1 boots.\r\n").await;
    simulator.delete_vm(plan.target).await.unwrap();
    assert_eq!(console.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_session_ends_though_nobody_reads_what_is_said() {
    let (simulator, plan) = running(Simulator::builder(clock())).await;
    let mut screen = simulator.console(plan.target, ConsoleKind::Screen).await.unwrap();
    // A frame is more than the pipe holds.
    screen.write_all(b"RFB 003.008\n\x01\x01\x03\0\0\0\0\0\x02\x80\x01\xe0").await.unwrap();
    hears(&mut screen, "RFB 003.008\n\x01\x01").await;
    simulator.stop().await;
    // How much of the rest was said before is not promised.
    screen.read_to_end(&mut Vec::new()).await.unwrap();
}

/// The colour of a pixel, as a client finds it that asked for the usual format.
fn colour(pixels: &[u8], x: usize, y: usize) -> [u8; 3] {
    let at = (y * usize::from(WIDTH) + x) * 4;
    [pixels[at + 2], pixels[at + 1], pixels[at]]
}

#[tokio::test]
async fn a_vnc_client_sees_a_frame() {
    let (simulator, plan) = running(Simulator::builder(clock())).await;
    for (version, security, confirmed) in [
        ("RFB 003.003\n", &b"\0\0\0\x01"[..], 0),
        ("RFB 003.007\n", b"\x01\x01", 0),
        ("RFB 003.008\n", b"\x01\x01", 4),
        ("RFB 003.889\n", b"\0\0\0\x01", 0),
    ] {
        let mut screen = simulator.console(plan.target, ConsoleKind::Screen).await.unwrap();
        hears(&mut screen, "RFB 003.008\n").await;
        screen.write_all(version.as_bytes()).await.unwrap();
        assert_eq!(heard(&mut screen, security.len()).await, security, "{version}");
        if security.len() == 2 {
            screen.write_all(&[1]).await.unwrap();
            assert_eq!(heard(&mut screen, confirmed).await, vec![0; confirmed], "{version}");
        }
        screen.write_all(&[1]).await.unwrap();
        assert_eq!(
            heard(&mut screen, 4).await,
            [WIDTH.to_be_bytes(), HEIGHT.to_be_bytes()].concat()
        );
        let format = heard(&mut screen, 16).await;
        assert_eq!(Format::read(format.try_into().unwrap()), Some(Format::USUAL));
        assert_eq!(heard(&mut screen, 9).await, b"\0\0\0\x05web-1");

        // Encodings, a key, the pointer and a clipboard; then the screen, all of it and more.
        screen.write_all(&[2, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 0]).await.unwrap();
        screen.write_all(&[4, 1, 0, 0, 0, 0, 0, 65, 5, 0, 0, 9, 0, 9]).await.unwrap();
        screen.write_all(&[6, 0, 0, 0, 0, 0, 0, 3, b'a', b'b', b'c']).await.unwrap();
        screen.write_all(&[3, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]).await.unwrap();
        let head = heard(&mut screen, 16).await;
        assert_eq!(head, [0, 0, 0, 1, 0, 0, 0, 0, 0x02, 0x80, 0x01, 0xe0, 0, 0, 0, 0]);
        let pixels = heard(&mut screen, 640 * 480 * 4).await;
        let (field, line, edge) =
            (colour(&pixels, 99, 99), colour(&pixels, 80, 99), colour(&pixels, 639, 479));
        assert!(field != line && line != edge && field.iter().all(|part| *part < 0x40));

        // One pixel in 16 bits, the high one first: 5, 6 and 5 of them. What has not changed is not sent.
        let format = [0, 0, 0, 0, 16, 16, 1, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0];
        screen.write_all(&format).await.unwrap();
        screen.write_all(&[3, 1, 0, 0, 0, 0, 0, 1, 0, 1]).await.unwrap();
        screen.write_all(&[3, 0, 0, 99, 0, 99, 0, 1, 0, 1]).await.unwrap();
        let [red, green, blue] = field.map(u32::from);
        let expected = (red * 31 / 255) << 11 | (green * 63 / 255) << 5 | (blue * 31 / 255);
        let frame = heard(&mut screen, 18).await;
        assert_eq!(frame[..8], [0, 0, 0, 1, 0, 99, 0, 99]);
        assert_eq!(u32::from_be_bytes([0, 0, frame[16], frame[17]]), expected);
        // Beside the screen there is nothing.
        screen.write_all(&[3, 0, 0x02, 0x80, 0, 0, 0, 1, 0, 1]).await.unwrap();
        assert_eq!(heard(&mut screen, 4).await, [0; 4]);
        // What nobody understands ends it.
        screen.write_all(&[99]).await.unwrap();
        assert_eq!(screen.read(&mut [0]).await.unwrap(), 0);
    }
}

#[test]
fn formats_that_are_none_are_refused() {
    let usual = Format::USUAL.write();
    for (at, value) in [(0, 24), (0, 0), (3, 0), (10, 32), (12, 255)] {
        let mut other = usual;
        other[at] = value;
        assert_eq!(Format::read(other), None, "{at} = {value}");
    }
}

/// What is written in one go, and in parts.
fn says(guest: &mut dyn Guest, parts: &[&[u8]]) -> (Vec<u8>, usize, bool) {
    let mut said = guest.see(true);
    let (mut waiting, mut most) = (Vec::new(), 0);
    for part in parts {
        waiting.extend_from_slice(part);
        loop {
            let heard = guest.hear(&waiting);
            assert!(heard.used <= waiting.len());
            waiting.drain(..heard.used);
            most = most.max(heard.says.len());
            said.extend(heard.says);
            if heard.over {
                return (said, most, true);
            }
            if heard.used == 0 {
                break;
            }
        }
        // What is not taken in yet is the beginning of a short message.
        assert!(waiting.len() < 20, "{} bytes wait", waiting.len());
    }
    (said, most, false)
}

fn guests() -> [Box<dyn Guest>; 2] {
    let mut plan = plan(place(100).vdc, 1);
    plan.name = "\u{1b}[2Jä".repeat(80);
    [Box::new(Screen::new(&plan.name)), Box::new(Serial::new(&plan))]
}

/// Messages of clients, sound and unsound, with what begins a session before them.
fn written() -> impl Strategy<Value = Vec<u8>> {
    let begins = prop_oneof![
        Just(b"RFB 003.008\n\x01\x01".to_vec()),
        Just(b"RFB 003.003\n\x01".to_vec()),
        any::<[u8; 13]>().prop_map(Vec::from),
    ];
    let request = any::<[u8; 9]>().prop_map(|rest| [&[3], &rest[..]].concat());
    let format = (any::<[u8; 6]>(), any::<[u8; 13]>()).prop_map(|(head, rest)| {
        [&[0, 0, 0, 0, 8 << (head[0] % 3), 24, head[1], 1], &rest[1..]].concat()
    });
    let text = any::<[u8; 3]>().prop_map(|rest| [&[6, 0, 0, 0, 0], &rest[..]].concat());
    let other = prop::collection::vec(any::<u8>(), 0..40);
    let messages = prop::collection::vec(prop_oneof![request, format, text, other], 0..6);
    (begins, messages).prop_map(|(begins, messages)| [begins, messages.concat()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Nothing that is written does harm, and how it is cut into parts makes no difference.
    #[test]
    fn whatever_is_written_is_borne(written in written(), cut in any::<prop::sample::Index>()) {
        for (mut whole, mut parts) in guests().into_iter().zip(guests()) {
            let (said, most, over) = says(&mut *whole, &[&written]);
            let cut = cut.index(written.len() + 1);
            let again = says(&mut *parts, &[&written[..cut], &written[cut..]]);
            prop_assert_eq!((said, over), (again.0, again.2));
            // No more than a frame at a time, however much is asked for.
            prop_assert!(most <= 16 + 640 * 480 * 4);
        }
    }

    /// What is sent of a part of the screen is as much as was said.
    #[test]
    fn parts_are_on_the_screen(at in any::<[u16; 4]>()) {
        let [x, y, width, height] = at.map(|number| number % 1000);
        if let Some(part) = (Part { x, y, width, height }).on_screen() {
            prop_assert!(part.x + part.width <= WIDTH && part.y + part.height <= HEIGHT);
            let pixels = usize::from(part.width) * usize::from(part.height);
            prop_assert_eq!(part.pixels(Format::USUAL).len(), pixels * 4);
        }
    }
}

#[tokio::test]
async fn a_console_can_fail_and_be_away_as_all_else() {
    let (simulator, plan) = running(Simulator::builder(clock())).await;
    simulator.faults().add(crate::memory::Fault::on("console").about("web-*").times(1));
    let open = async || simulator.console(plan.target, ConsoleKind::Screen).await;
    assert!(open().await.err().unwrap().is_retriable());
    let mut screen = open().await.unwrap();
    hears(&mut screen, "RFB 003.").await;
    // It ends with the simulator.
    drop(simulator);
    screen.read_to_end(&mut Vec::new()).await.unwrap();
}
