//! Where a case asks for what Mosquitto does and the specification says otherwise or leaves open.

/// What becomes of a case.
#[derive(Clone, Copy)]
pub enum Ruling {
    /// It runs, but the reason code that it expects in the end is this one.
    Code(u8),
    /// It does not run.
    LeftOut,
}

/// File and beginning of the name, protocol level, ruling, and the statement for it.
const RULINGS: &[(&str, u8, Ruling, &str)] = &[
    ("AUTH/F1", 5, Ruling::Code(0x81), "[MQTT-3.15.1-1]: other flags are malformed"),
    ("AUTH/F2", 5, Ruling::Code(0x81), "[MQTT-3.15.1-1]: other flags are malformed"),
    ("AUTH/F4", 5, Ruling::Code(0x81), "[MQTT-3.15.1-1]: other flags are malformed"),
    ("AUTH/F8", 5, Ruling::Code(0x81), "[MQTT-3.15.1-1]: other flags are malformed"),
    ("DISCONNECT/E1", 5, Ruling::Code(0x81), "[MQTT-3.14.1-1]: 0x81 for other flags"),
    ("DISCONNECT/E2", 5, Ruling::Code(0x81), "[MQTT-3.14.1-1]: 0x81 for other flags"),
    ("DISCONNECT/E4", 5, Ruling::Code(0x81), "[MQTT-3.14.1-1]: 0x81 for other flags"),
    ("DISCONNECT/E8", 5, Ruling::Code(0x81), "[MQTT-3.14.1-1]: 0x81 for other flags"),
    ("PUBREL/63", 5, Ruling::Code(0x81), "[MQTT-3.6.1-1]: other flags are malformed"),
    ("PUBREL/64", 5, Ruling::Code(0x81), "[MQTT-3.6.1-1]: other flags are malformed"),
    ("PUBREL/66", 5, Ruling::Code(0x81), "[MQTT-3.6.1-1]: other flags are malformed"),
    ("PUBREL/6A", 5, Ruling::Code(0x81), "[MQTT-3.6.1-1]: other flags are malformed"),
    // Until PUBREL, a receiver MUST answer every PUBLISH with this identifier by PUBREC, however many they are.
    ("PUBLISH/34 QoS 2 Dup flow*3", 4, Ruling::LeftOut, "[MQTT-4.3.3-2 of 3.1.1]"),
    ("PUBLISH/34 QoS 2 Dup flow*3", 5, Ruling::LeftOut, "[MQTT-4.3.3-10]"),
    // A bridge of Mosquitto's may write its own state under $SYS, and nothing else there.
    (
        "PUBLISH/PUBLISH with $ topic - connection/state",
        5,
        Ruling::LeftOut,
        "4.7.2: $ topics are the server's own",
    ),
];

/// The ruling on the case of this name and level.
pub fn ruling(name: &str, level: u8) -> Option<(Ruling, &'static str)> {
    let mut rulings = RULINGS.iter();
    let of_case = |(prefix, of, ..): &&(&str, u8, _, _)| name.starts_with(prefix) && level == *of;
    rulings.find(of_case).map(|&(.., ruling, statement)| (ruling, statement))
}
