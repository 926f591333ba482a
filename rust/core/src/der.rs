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
        self.expect(tag)
    }

    /// The next element, if it has this tag, else nothing is read.
    #[inline(always)]
    pub(crate) fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        let all = self.rest;
        let content = self.content(tag)?;
        let whole = all.get(..all.len() - self.rest.len())?;
        Some(Element { tag, content, whole })
    }

    /// Goes past the next element, if it has this tag, else nothing is read.
    #[inline(always)]
    pub(crate) fn skip(&mut self, tag: u8) -> Option<()> {
        self.content(tag).map(|_| ())
    }

    /// As [`Reader::skip`], and it is no mistake if the next element has another tag.
    #[inline(always)]
    pub(crate) fn skip_optional(&mut self, tag: u8) -> Option<()> {
        if self.peek() == Some(tag) { self.skip(tag) } else { Some(()) }
    }

    /// All bytes of the next element, if it has this tag, else nothing is read.
    #[inline(always)]
    pub(crate) fn whole(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.expect(tag).map(|element| element.whole)
    }

    /// The bytes inside the next element, if it has this tag, else nothing is read.
    ///
    /// A walk through a certificate comes here for each element: nothing is looked at twice, and nothing is called for the
    /// lengths that nearly all elements have.
    #[inline(always)]
    pub(crate) fn content(&mut self, tag: u8) -> Option<&'a [u8]> {
        let [first, length, ref behind @ ..] = *self.rest else { return None };
        if first != tag {
            return None;
        }
        // The first digit is not 0, and a length that one byte can hold is written in one.
        let (length, behind) = match (length, behind) {
            (..=0x7f, _) => (usize::from(length), behind),
            (0x81, [a @ 0x80..=0xff, behind @ ..]) => (usize::from(*a), behind),
            (0x82, [a @ 1..=0xff, b, behind @ ..]) => (usize::from(u16::from_be_bytes([*a, *b])), behind),
            _ => unusual_length(length, behind)?,
        };
        let (content, rest) = behind.split_at_checked(length)?;
        self.rest = rest;
        Some(content)
    }
}

/// A length of 64 KiB or more, and what is behind it.
#[inline(never)]
fn unusual_length(octets: u8, behind: &[u8]) -> Option<(usize, &[u8])> {
    let (length, behind) = match (octets, behind) {
        (0x83, [a @ 1..=0xff, b, c, behind @ ..]) => ([0, *a, *b, *c], behind),
        (0x84, [a @ 1..=0xff, b, c, d, behind @ ..]) => ([*a, *b, *c, *d], behind),
        _ => return None, // also 0x80: BER's indefinite length
    };
    Some((usize::try_from(u32::from_be_bytes(length)).ok()?, behind))
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
