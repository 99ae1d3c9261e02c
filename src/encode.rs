//! Writes values in postcard's form behind bytes that are there already: what it has for this goes byte by byte.

use postcard::ser_flavors::Flavor;
use serde::Serialize;

struct Behind<'a>(&'a mut Vec<u8>);

impl Flavor for Behind<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Appends a value to some bytes. After an error a part of it may be there.
pub(crate) fn append<T: Serialize + ?Sized>(value: &T, bytes: &mut Vec<u8>) -> postcard::Result<()> {
    postcard::serialize_with_flavor(value, Behind(bytes))
}

#[cfg(test)]
mod tests {
    use super::append;

    #[test]
    fn a_value_stands_behind_what_was_there_and_reads_back() {
        let value = (7_u64, "text".to_owned(), vec![1.5_f32, -2.0], Some([9_u8; 300].to_vec()));
        let mut bytes = vec![1, 2, 3];
        append(&value, &mut bytes).unwrap();
        assert_eq!(bytes[..3], [1, 2, 3]);
        assert_eq!(bytes[3..], postcard::to_extend(&value, Vec::new()).unwrap());
        assert_eq!(postcard::from_bytes::<(u64, String, Vec<f32>, Option<Vec<u8>>)>(&bytes[3..]).unwrap(), value);
    }
}
