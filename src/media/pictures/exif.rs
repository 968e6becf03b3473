//! Which way up a picture is: the one thing of EXIF that is read, and the one that is written.

use image::metadata::Orientation;

/// What EXIF in a JPEG begins with; in WebP some writers put it too.
pub(super) const MARK: &[u8] = b"Exif\0\0";

/// Of an EXIF block, with or without its mark; broken ones turn nothing.
pub(super) fn orientation(block: &[u8]) -> Orientation {
    let tiff = block.strip_prefix(MARK).unwrap_or(block);
    Orientation::from_exif_chunk(tiff).unwrap_or(Orientation::NoTransforms)
}

/// An EXIF block without its mark that tells the orientation and nothing else; `None` where nothing is turned.
pub(super) fn minimal(orientation: Orientation) -> Option<[u8; 26]> {
    if orientation == Orientation::NoTransforms {
        return None;
    }
    // A TIFF, little end first, with one directory of one entry: tag 0x0112, one SHORT.
    let mut block = *b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x01\0\0\0\0\0\0\0";
    block[18] = orientation.to_exif();
    Some(block)
}

/// Width and height when it is turned so.
pub(super) fn shown(orientation: Orientation, width: u32, height: u32) -> (u32, u32) {
    if orientation.to_exif() >= 5 { (height, width) } else { (width, height) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_that_is_written_tells_what_was_read_and_nothing_else() {
        for value in 2..=8 {
            let orientation = Orientation::from_exif(value).unwrap();
            let block = minimal(orientation).unwrap();
            assert_eq!(orientation, super::orientation(&block), "{value}");
            assert_eq!(orientation, super::orientation(&[MARK, &block].concat()), "{value}");
        }
        assert_eq!(minimal(Orientation::NoTransforms), None);
        assert_eq!(orientation(b"MM\0*\xff\xff\xff\xff"), Orientation::NoTransforms);
    }
}
