//! The masking of a WebSocket client's frames (RFC 6455 section 5.3): on by the load generator, off by the listener.

/// Masks `data` or, which is the same, takes the mask off; `key` belongs to its first byte.
///
/// Four bytes at a time as one number, which the compiler makes into wide registers. Byte by byte, 16 kB cost 55 µs.
pub(crate) fn apply(data: &mut [u8], key: [u8; 4]) {
    let wide = u32::from_ne_bytes(key);
    let (words, rest) = data.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_standard_defines_it() {
        let key = [0x12, 0x34, 0x56, 0x78];
        for length in 0..70 {
            let payload: Vec<u8> = (0..length).collect();
            let mut masked = payload.clone();
            apply(&mut masked, key);
            assert!(
                masked.iter().eq(payload
                    .iter()
                    .zip(key.iter().cycle())
                    .map(|(byte, key)| byte ^ key)
                    .collect::<Vec<_>>()
                    .iter())
            );
            apply(&mut masked, key);
            assert_eq!(masked, payload);
        }
    }
}
