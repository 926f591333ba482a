//! The little of X.690 DER that it takes to walk to a SubjectPublicKeyInfo without allocating.

/// Reads tag-length-value elements in order. Single-byte tags, definite minimal lengths below 4 GiB; all else is `None`.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

/// One element: its tag, the bytes inside, and all its bytes, header included.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

impl<'a> Reader<'a> {
    pub(crate) fn new(der: &'a [u8]) -> Self {
        Self { rest: der }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(crate) fn next(&mut self) -> Option<Element<'a>> {
        let tag = self.peek().filter(|tag| tag & 0x1f != 0x1f)?; // else it is one of several bytes
        let Extent { header, end } = extent(self.rest, tag)?;
        let (whole, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(Element { tag, content: &whole[header..], whole })
    }

    /// The next element, if it has this tag, else nothing is read.
    pub(crate) fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        if self.peek() == Some(tag) { self.next() } else { None }
    }

    /// Goes past the next element, if it has this tag, else nothing is read.
    #[inline(always)]
    pub(crate) fn skip(&mut self, tag: u8) -> Option<()> {
        self.whole(tag).map(|_| ())
    }

    /// As [`Reader::skip`], and it is no mistake if the next element has another tag.
    #[inline]
    pub(crate) fn skip_optional(&mut self, tag: u8) -> Option<()> {
        if self.peek() == Some(tag) { self.skip(tag) } else { Some(()) }
    }

    /// All bytes of the next element, if it has this tag, else nothing is read.
    #[inline(always)]
    pub(crate) fn whole(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (whole, rest) = self.rest.split_at_checked(extent(self.rest, tag)?.end)?;
        self.rest = rest;
        Some(whole)
    }

    /// The bytes inside the next element, if it has this tag, else nothing is read.
    #[inline(always)]
    pub(crate) fn content(&mut self, tag: u8) -> Option<&'a [u8]> {
        let Extent { header, end } = extent(self.rest, tag)?;
        let content = self.rest.get(header..end)?;
        self.rest = &self.rest[end..];
        Some(content)
    }
}

/// How far an element reaches.
struct Extent {
    /// Where its content begins.
    header: usize,
    end: usize,
}

/// The extent that the first element states, if it has this tag (of one byte).
///
/// A walk through a certificate comes here for each element, and nearly all of them have a short length.
#[inline(always)]
fn extent(der: &[u8], tag: u8) -> Option<Extent> {
    match *der {
        [first, ..] if first != tag => None,
        [_, length @ ..=0x7f, ..] => Some(Extent { header: 2, end: 2 + usize::from(length) }),
        _ => long_extent(der),
    }
}

#[inline(never)]
fn long_extent(der: &[u8]) -> Option<Extent> {
    let big_endian = |digits: &[u8]| digits.iter().fold(0, |value, digit| value << 8 | usize::from(*digit));
    // The first digit is not 0, and a length that one byte can hold is written in one.
    let (header, length) = match *der {
        [_, 0x81, a @ 0x80..=0xff, ..] => (3, usize::from(a)),
        [_, 0x82, a @ 1..=0xff, b, ..] => (4, big_endian(&[a, b])),
        [_, 0x83, a @ 1..=0xff, b, c, ..] => (5, big_endian(&[a, b, c])),
        [_, 0x84, a @ 1..=0xff, b, c, d, ..] => (6, big_endian(&[a, b, c, d])),
        _ => return None, // also 0x80: BER's indefinite length
    };
    Some(Extent { header, end: length.checked_add(header)? })
}

/// The content of the one element that `der` is; `None` if it has another tag or something follows.
#[inline]
pub(crate) fn only(der: &[u8], tag: u8) -> Option<&[u8]> {
    let mut reader = Reader::new(der);
    reader.content(tag).filter(|_| reader.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{Reader, only};

    /// A header of an octet string, and as many bytes as it says.
    fn element(length_octets: &[u8], content: usize) -> Vec<u8> {
        [&[0x04], length_octets, &vec![0; content]].concat()
    }

    #[test]
    fn lengths_are_minimal_definite_and_covered() {
        for (octets, content) in [
            (&[0x00][..], 0),
            (&[0x7f], 0x7f),
            (&[0x81, 0x80], 0x80),
            (&[0x81, 0xff], 0xff),
            (&[0x82, 0x01, 0x00], 0x100),
            (&[0x82, 0xff, 0xff], 0xffff),
            (&[0x83, 0x01, 0x00, 0x00], 0x10000),
            (&[0x84, 0x01, 0x00, 0x00, 0x00], 0x100_0000),
        ] {
            let der = element(octets, content);
            assert_eq!(only(&der, 0x04).map(<[u8]>::len), Some(content), "{octets:x?}");
            assert_eq!(Reader::new(&der).whole(0x04), Some(&*der), "{octets:x?}");
            assert!(Reader::new(&der[..der.len() - 1]).skip(0x04).is_none(), "{octets:x?}, cut");
            assert_eq!(only(&der[..der.len() - 1], 0x04), None, "{octets:x?}, cut");
            assert_eq!(only(&element(octets, content + 1), 0x04), None, "{octets:x?}, and a byte behind it");
        }
        for (octets, content) in [
            (&[0x80][..], 0),
            (&[0x81, 0x7f], 0x7f),
            (&[0x82, 0x00, 0x80], 0x80),
            (&[0x83, 0x00, 0x01, 0x00], 0x100),
            (&[0x84, 0x00, 0x01, 0x00, 0x00], 0x10000),
            (&[0x85, 0x00, 0x00, 0x00, 0x00, 0x01], 1),
            (&[0x84, 0xff, 0xff, 0xff, 0xff], 16),
            (&[0xff], 0x7f),
            (&[0x82, 0x01], 0),
            (&[], 0),
        ] {
            let der = element(octets, content);
            assert!(Reader::new(&der).next().is_none(), "{octets:x?}");
            assert!(Reader::new(&der).skip(0x04).is_none() && only(&der, 0x04).is_none(), "{octets:x?}");
        }
    }

    #[test]
    fn an_element_is_read_once_and_only_by_its_own_tag() {
        let der = [0x02, 0x01, 0x07, 0x04, 0x00];
        let mut reader = Reader::new(&der);
        assert!(reader.skip(0x04).is_none() && reader.content(0x04).is_none());
        assert!(reader.skip_optional(0xa0).is_some(), "it may be missing");
        assert_eq!(reader.whole(0x02), Some(&der[..3]));
        assert!(!reader.is_empty());
        assert!(reader.skip_optional(0x04).is_some());
        assert!(reader.is_empty() && reader.next().is_none() && reader.skip(0x04).is_none());

        let first = Reader::new(&der).expect(0x02).map(|element| (element.content, element.whole));
        assert_eq!(first, Some((&der[2..3], &der[..3])));
        assert!(Reader::new(&der).expect(0x04).is_none());
        assert!(Reader::new(&[0x1f, 0x01, 0x00]).next().is_none(), "a tag of several bytes");
        assert!(Reader::new(&[0xa0, 0x02, 0x00]).skip_optional(0xa0).is_none(), "there, but broken");
    }
}
