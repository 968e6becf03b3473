//! A WebM file of VP8 key frames: the container alone (RFC 8794 and the WebM guidelines), since each frame is whole.
//!
//! All lengths are told, and an index stands before the frames: players seek, and know at once how long it is.

/// Nanoseconds of a tick: all times below are in milliseconds.
const TICK_NS: u64 = 1_000_000;
const TRACK: u64 = 1;
const VIDEO: u64 = 1;
/// An element's length in eight bytes: always enough, and always the same.
const LENGTH_BYTES: usize = 8;

mod id {
    pub const EBML: &[u8] = &[0x1a, 0x45, 0xdf, 0xa3];
    pub const EBML_VERSION: &[u8] = &[0x42, 0x86];
    pub const EBML_READ_VERSION: &[u8] = &[0x42, 0xf7];
    pub const EBML_MAX_ID_LENGTH: &[u8] = &[0x42, 0xf2];
    pub const EBML_MAX_SIZE_LENGTH: &[u8] = &[0x42, 0xf3];
    pub const DOC_TYPE: &[u8] = &[0x42, 0x82];
    pub const DOC_TYPE_VERSION: &[u8] = &[0x42, 0x87];
    pub const DOC_TYPE_READ_VERSION: &[u8] = &[0x42, 0x85];
    pub const SEGMENT: &[u8] = &[0x18, 0x53, 0x80, 0x67];
    pub const INFO: &[u8] = &[0x15, 0x49, 0xa9, 0x66];
    pub const TIMESTAMP_SCALE: &[u8] = &[0x2a, 0xd7, 0xb1];
    pub const DURATION: &[u8] = &[0x44, 0x89];
    pub const MUXING_APP: &[u8] = &[0x4d, 0x80];
    pub const WRITING_APP: &[u8] = &[0x57, 0x41];
    pub const TITLE: &[u8] = &[0x7b, 0xa9];
    pub const TRACKS: &[u8] = &[0x16, 0x54, 0xae, 0x6b];
    pub const TRACK_ENTRY: &[u8] = &[0xae];
    pub const TRACK_NUMBER: &[u8] = &[0xd7];
    pub const TRACK_UID: &[u8] = &[0x73, 0xc5];
    pub const TRACK_TYPE: &[u8] = &[0x83];
    pub const FLAG_LACING: &[u8] = &[0x9c];
    pub const CODEC_ID: &[u8] = &[0x86];
    pub const DEFAULT_DURATION: &[u8] = &[0x23, 0xe3, 0x83];
    pub const VIDEO: &[u8] = &[0xe0];
    pub const PIXEL_WIDTH: &[u8] = &[0xb0];
    pub const PIXEL_HEIGHT: &[u8] = &[0xba];
    pub const CUES: &[u8] = &[0x1c, 0x53, 0xbb, 0x6b];
    pub const CUE_POINT: &[u8] = &[0xbb];
    pub const CUE_TIME: &[u8] = &[0xb3];
    pub const CUE_TRACK_POSITIONS: &[u8] = &[0xb7];
    pub const CUE_TRACK: &[u8] = &[0xf7];
    pub const CUE_CLUSTER_POSITION: &[u8] = &[0xf1];
    pub const CLUSTER: &[u8] = &[0x1f, 0x43, 0xb6, 0x75];
    pub const TIMESTAMP: &[u8] = &[0xe7];
    pub const SIMPLE_BLOCK: &[u8] = &[0xa3];
}

/// A file of these frames, each of these sides.
pub fn file((width, height): (u32, u32), per_second: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let per_second = per_second.max(1);
    let frame_ms = 1_000 / u64::from(per_second);
    let head = element(
        id::EBML,
        &[
            number(id::EBML_VERSION, 1),
            number(id::EBML_READ_VERSION, 1),
            number(id::EBML_MAX_ID_LENGTH, 4),
            number(id::EBML_MAX_SIZE_LENGTH, 8),
            element(id::DOC_TYPE, &[b"webm".to_vec()]),
            number(id::DOC_TYPE_VERSION, 2),
            number(id::DOC_TYPE_READ_VERSION, 2),
        ],
    );
    let duration = (frames.len() as u64 * frame_ms) as f64;
    let info = element(
        id::INFO,
        &[
            number(id::TIMESTAMP_SCALE, TICK_NS),
            element(id::DURATION, &[duration.to_be_bytes().to_vec()]),
            element(id::TITLE, &[b"Placeholder".to_vec()]),
            element(id::MUXING_APP, &[b"Greenroom".to_vec()]),
            element(id::WRITING_APP, &[b"Greenroom".to_vec()]),
        ],
    );
    let sides = [number(id::PIXEL_WIDTH, width.into()), number(id::PIXEL_HEIGHT, height.into())];
    let track = [
        number(id::TRACK_NUMBER, TRACK),
        number(id::TRACK_UID, TRACK),
        number(id::TRACK_TYPE, VIDEO),
        number(id::FLAG_LACING, 0),
        element(id::CODEC_ID, &[b"V_VP8".to_vec()]),
        number(id::DEFAULT_DURATION, frame_ms * TICK_NS),
        element(id::VIDEO, &sides),
    ];
    let tracks = element(id::TRACKS, &[element(id::TRACK_ENTRY, &track)]);
    // A cluster for each second.
    let clusters: Vec<Vec<u8>> = (0_u64..)
        .zip(frames.chunks(per_second as usize))
        .map(|(second, frames)| cluster(second * frame_ms * u64::from(per_second), frame_ms, frames))
        .collect();
    let second_ms = frame_ms * u64::from(per_second);
    let cues = |first: usize| {
        let mut at = first as u64;
        let point = |(second, cluster): (u64, &Vec<u8>)| {
            let position = [number(id::CUE_TRACK, TRACK), number(id::CUE_CLUSTER_POSITION, at)];
            at += cluster.len() as u64;
            let parts =
                [number(id::CUE_TIME, second * second_ms), element(id::CUE_TRACK_POSITIONS, &position)];
            element(id::CUE_POINT, &parts)
        };
        let points: Vec<_> = (0_u64..).zip(&clusters).map(point).collect();
        element(id::CUES, &points)
    };
    // Numbers take eight bytes each, so that the index is as long wherever it points.
    let before = info.len() + tracks.len();
    let index = cues(before + cues(0).len());
    let mut parts = vec![info, tracks, index];
    parts.extend(clusters);
    [head, element(id::SEGMENT, &parts)].concat()
}

fn cluster(begins_ms: u64, frame_ms: u64, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut parts = vec![number(id::TIMESTAMP, begins_ms)];
    for (nth, frame) in (0_u64..).zip(frames) {
        // The track, the time within the cluster, and that it is a key frame.
        let within = i16::try_from(nth * frame_ms).unwrap_or(i16::MAX).to_be_bytes();
        let mut block = vec![0x80 | TRACK as u8, within[0], within[1], 0x80];
        block.extend_from_slice(frame);
        parts.push(element(id::SIMPLE_BLOCK, &[block]));
    }
    element(id::CLUSTER, &parts)
}

fn number(id: &[u8], value: u64) -> Vec<u8> {
    element(id, &[value.to_be_bytes().to_vec()])
}

fn element(id: &[u8], parts: &[Vec<u8>]) -> Vec<u8> {
    let length: usize = parts.iter().map(Vec::len).sum();
    let mut bytes = Vec::with_capacity(id.len() + LENGTH_BYTES + length);
    bytes.extend_from_slice(id);
    let mut told = (length as u64).to_be_bytes();
    // The first bit that is set says how many bytes the length has: here the last of the first eight.
    told[0] |= 0x01;
    bytes.extend_from_slice(&told);
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_points_at_the_clusters() {
        let frames = vec![vec![1_u8; 10]; 9];
        let file = file((32, 16), 4, &frames);
        let find = |what: &[u8], from: usize| {
            file[from..].windows(what.len()).position(|part| part == what).map(|at| at + from)
        };
        let segment = find(id::SEGMENT, 0).unwrap() + id::SEGMENT.len() + LENGTH_BYTES;
        let mut cue = find(id::CUES, 0).unwrap();
        let mut clusters = 0;
        while let Some(at) = find(id::CUE_CLUSTER_POSITION, cue).filter(|at| file.get(at + 1) == Some(&1)) {
            let value = at + 1 + LENGTH_BYTES;
            let position = u64::from_be_bytes(file[value..value + 8].try_into().unwrap()) as usize;
            assert_eq!(&file[segment + position..][..4], id::CLUSTER);
            clusters += 1;
            cue = value + 8;
        }
        assert_eq!(clusters, 3);
    }
}
