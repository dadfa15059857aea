//! The protobuf wire format: a message as its fields, in the order of its bytes. Knows no message.

/// The value of one field, as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// Wire type 0.
    Number(u64),
    /// Wire type 2: text, bytes, a message, or packed numbers.
    Bytes(&'a [u8]),
    /// Wire types 1 and 5; nothing that is checked here has such a field.
    Fixed,
}

/// Why a blob can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a protobuf message: {0}")]
pub struct WireError(pub(crate) &'static str);

/// A message's fields with their numbers.
pub(crate) fn fields(mut bytes: &[u8]) -> Result<Vec<(u64, Value<'_>)>, WireError> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = number(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Number(number(&mut bytes)?),
            1 => fixed(&mut bytes, 8)?,
            2 => {
                let length = usize::try_from(number(&mut bytes)?).unwrap_or(usize::MAX);
                Value::Bytes(take(&mut bytes, length)?)
            }
            5 => fixed(&mut bytes, 4)?,
            _ => return Err(WireError("unknown wire type")),
        };
        fields.push((key >> 3, value));
    }
    Ok(fields)
}

/// The numbers of a packed field.
pub(crate) fn packed(mut bytes: &[u8]) -> Result<Vec<u64>, WireError> {
    let mut numbers = Vec::new();
    while !bytes.is_empty() {
        numbers.push(number(&mut bytes)?);
    }
    Ok(numbers)
}

fn fixed<'a>(bytes: &mut &'a [u8], length: usize) -> Result<Value<'a>, WireError> {
    take(bytes, length).map(|_| Value::Fixed)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], WireError> {
    let (taken, rest) = bytes
        .split_at_checked(length)
        .ok_or(WireError("ends inside a field"))?;
    *bytes = rest;
    Ok(taken)
}

/// A varint: seven bits a byte, the lowest first.
fn number(bytes: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes
            .split_first()
            .ok_or(WireError("ends inside a number"))?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(WireError("a number of more than ten bytes"))
}

#[cfg(test)]
mod tests {
    use super::{Value, WireError, fields, packed};

    #[test]
    fn a_message_is_read_field_by_field() {
        let bytes = [
            0x08, 0x96, 0x01, 0x12, 2, b'o', b'k', 0x1d, 1, 2, 3, 4, 0x21, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        let expected = vec![
            (1, Value::Number(150)),
            (2, Value::Bytes(b"ok")),
            (3, Value::Fixed),
            (4, Value::Fixed),
        ];
        assert_eq!(fields(&bytes), Ok(expected));
        assert_eq!(packed(&[1, 0xac, 2]), Ok(vec![1, 300]));
    }

    #[test]
    fn bytes_that_end_too_early_are_refused() {
        for bytes in [&[0x08][..], &[0x12, 3, b'x'], &[0x80], &[0x1d, 1], &[0x0b]] {
            assert!(fields(bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(
            packed(&[0xff; 11]),
            Err(WireError("a number of more than ten bytes"))
        );
    }
}
