//! Just enough of PNG (<https://www.w3.org/TR/png-3/>) to make a picture and to look at one: 8 bits a channel, RGB, rows without filters.

use std::io::{Read, Write};

use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// 8 bits a channel, RGB, and the one way there is of compressing, filtering and of not interlacing.
const KIND: [u8; 5] = [8, 2, 0, 0, 0];

/// A picture, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green and blue of each.
    pub pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// A picture of this size, each pixel by its column and row.
    pub fn drawn(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Self {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Self { width, height, pixels: pixels.map(|(x, y)| pixel(x, y)).collect() }
    }

    /// As a file.
    ///
    /// # Panics
    /// If memory cannot be written to.
    pub fn to_file(&self) -> Vec<u8> {
        let mut rows = ZlibEncoder::new(Vec::new(), Compression::default());
        for row in self.pixels.chunks(self.width as usize) {
            rows.write_all(&[0]).expect("memory");
            rows.write_all(row.as_flattened()).expect("memory");
        }
        let size = [self.width.to_be_bytes(), self.height.to_be_bytes()];
        let mut file = SIGNATURE.to_vec();
        write_chunk(&mut file, b"IHDR", &[size.as_flattened(), &KIND].concat());
        write_chunk(&mut file, b"IDAT", &rows.finish().expect("memory"));
        write_chunk(&mut file, b"IEND", b"");
        file
    }

    /// Out of a file.
    ///
    /// # Panics
    /// If it is not a whole PNG file of the kind that [`Self::to_file`] makes.
    #[track_caller]
    pub fn of_file(file: &[u8]) -> Self {
        let mut rest = file.strip_prefix(SIGNATURE).expect("the signature of a PNG file");
        let (mut size, mut packed) = (Vec::new(), Vec::new());
        while let Some((name, body)) = read_chunk(&mut rest) {
            match name {
                b"IHDR" => size = body.to_vec(),
                b"IDAT" => packed.extend_from_slice(body),
                _ => {}
            }
        }
        let (size, kind) = size.split_at(8);
        assert_eq!(kind, KIND, "another kind of PNG");
        let number = |at: usize| u32::from_be_bytes(size[at..at + 4].try_into().expect("four bytes"));
        let (width, height) = (number(0), number(4));
        let mut rows = Vec::new();
        ZlibDecoder::new(&*packed).read_to_end(&mut rows).expect("zlib");
        let mut pixels = Vec::new();
        for row in rows.chunks(width as usize * 3 + 1) {
            assert_eq!(row[0], 0, "a filtered row");
            pixels.extend_from_slice(row[1..].as_chunks().0);
        }
        assert_eq!(pixels.len(), (width * height) as usize);
        Self { width, height, pixels }
    }
}

fn write_chunk(file: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    file.extend_from_slice(&u32::try_from(body.len()).expect("a small file").to_be_bytes());
    file.extend_from_slice(name);
    file.extend_from_slice(body);
    file.extend_from_slice(&checksum(name, body).to_be_bytes());
}

/// Its name and what is in it.
fn read_chunk<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8; 4], &'a [u8])> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (name, after) = after.split_first_chunk::<4>().expect("a chunk's name");
    let (body, after) = after.split_at(u32::from_be_bytes(*length) as usize);
    let (sum, after) = after.split_first_chunk::<4>().expect("a checksum");
    assert_eq!(u32::from_be_bytes(*sum), checksum(name, body), "the checksum of a chunk");
    *rest = after;
    Some((name, body))
}

fn checksum(name: &[u8], body: &[u8]) -> u32 {
    let mut sum = Crc::new();
    sum.update(name);
    sum.update(body);
    sum.sum()
}

#[test]
fn a_picture_comes_back_out_of_its_file() {
    let picture = Picture::drawn(3, 2, |x, y| [x as u8, y as u8, 7]);
    assert_eq!(Picture::of_file(&picture.to_file()), picture);
}
