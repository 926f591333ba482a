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
        let (&tag, after_tag) = self.rest.split_first()?;
        if tag & 0x1f == 0x1f {
            return None; // a tag of several bytes: no part of a certificate up to its key has one
        }
        let (&first, after_first) = after_tag.split_first()?;
        let (length, header) = match first {
            0..=0x7f => (usize::from(first), 2),
            0x81..=0x84 => {
                let count = usize::from(first & 0x7f);
                let digits = after_first.get(..count)?;
                let length = digits.iter().fold(0usize, |value, digit| value << 8 | usize::from(*digit));
                let minimal = digits[0] != 0 && length > 0x7f;
                (minimal.then_some(length)?, 2 + count)
            }
            _ => return None, // 0x80: BER's indefinite length
        };
        let end = header.checked_add(length)?;
        let whole = self.rest.get(..end)?;
        self.rest = &self.rest[end..];
        Some(Element { tag, content: &whole[header..], whole })
    }

    /// The next element, if it has this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }

    /// The next element, if it has this tag, else nothing is read.
    pub(crate) fn optional(&mut self, tag: u8) -> Option<Option<Element<'a>>> {
        if self.peek() == Some(tag) { self.next().map(Some) } else { Some(None) }
    }
}

/// The content of the one element that `der` is; `None` if it has another tag or something follows.
pub(crate) fn only(der: &[u8], tag: u8) -> Option<&[u8]> {
    let mut reader = Reader::new(der);
    let element = reader.expect(tag)?;
    reader.is_empty().then_some(element.content)
}
