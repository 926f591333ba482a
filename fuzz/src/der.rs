//! Changes DER so that it stays DER: the lengths around a change follow it. Bytes that change at random rarely come further
//! than the first length.

/// An element.
enum Node {
    Primitive(u8, Vec<u8>),
    Constructed(u8, Vec<Node>),
}

/// Deep enough for any certificate.
const MAX_DEPTH: u32 = 16;
const TAGS: [u8; 12] = [0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x1e, 0x30, 0x31, 0x81, 0xa3];

/// DER elements with one of them changed; which and how is taken from `seed`. `None` if the bytes are no DER.
pub fn changed(bytes: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut nodes = read(bytes, MAX_DEPTH)?;
    let all: u32 = nodes.iter().map(Node::count).sum();
    let mut which = seed.checked_rem(all)?;
    change(&mut nodes, &mut which, seed.rotate_right(11).wrapping_mul(0x9e37_79b1));
    let mut changed = Vec::new();
    nodes.iter().for_each(|node| node.write(&mut changed));
    Some(changed)
}

fn read(mut bytes: &[u8], depth: u32) -> Option<Vec<Node>> {
    let mut nodes = Vec::new();
    while let Some((&tag, rest)) = bytes.split_first() {
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first > 0x7f {
            let digits;
            (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f).min(4))?;
            length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        }
        let (content, after) = rest.split_at_checked(length)?;
        let inner = if tag & 0x20 != 0 && depth > 0 { read(content, depth - 1) } else { None };
        nodes.push(match inner {
            Some(children) => Node::Constructed(tag, children),
            None => Node::Primitive(tag, content.to_vec()),
        });
        bytes = after;
    }
    Some(nodes)
}

/// Changes the element that comes after `which` others. Whether it was here.
fn change(nodes: &mut Vec<Node>, which: &mut u32, how: u32) -> bool {
    for index in 0..nodes.len() {
        if *which == 0 {
            match how % 4 {
                0 => drop(nodes.remove(index)),
                1 => {
                    let copy = nodes[index].copy();
                    nodes.insert(index, copy);
                }
                _ => nodes[index].change(how / 4),
            }
            return true;
        }
        *which -= 1;
        if let Node::Constructed(_, children) = &mut nodes[index]
            && change(children, which, how)
        {
            return true;
        }
    }
    false
}

impl Node {
    fn count(&self) -> u32 {
        match self {
            Self::Primitive(..) => 1,
            Self::Constructed(_, children) => 1 + children.iter().map(Self::count).sum::<u32>(),
        }
    }

    fn copy(&self) -> Self {
        match self {
            Self::Primitive(tag, content) => Self::Primitive(*tag, content.clone()),
            Self::Constructed(tag, children) => {
                Self::Constructed(*tag, children.iter().map(Self::copy).collect())
            }
        }
    }

    fn change(&mut self, how: u32) {
        let (kind, value) = (how % 4, how / 4);
        let byte = (value >> 8) as u8;
        match self {
            Self::Primitive(tag, _) | Self::Constructed(tag, _) if kind == 0 => {
                *tag = TAGS[value as usize % TAGS.len()];
            }
            Self::Constructed(_, children) => children.truncate(value as usize % 3),
            Self::Primitive(_, content) if kind == 1 => content.truncate(value as usize % 4),
            Self::Primitive(_, content) if kind == 2 => {
                content.insert(value as usize % (content.len() + 1), byte)
            }
            Self::Primitive(_, content) => {
                let at = value as usize % content.len().max(1);
                content.get_mut(at).into_iter().for_each(|old| *old = byte);
            }
        }
    }

    fn write(&self, into: &mut Vec<u8>) {
        let (tag, content) = match self {
            Self::Primitive(tag, content) => (*tag, content.clone()),
            Self::Constructed(tag, children) => {
                let mut content = Vec::new();
                children.iter().for_each(|child| child.write(&mut content));
                (*tag, content)
            }
        };
        into.push(tag);
        match content.len() {
            length @ 0..=0x7f => into.push(length as u8),
            length @ 0x80..=0xff => into.extend([0x81, length as u8]),
            length => into.extend([0x82, (length >> 8) as u8, length as u8]),
        }
        into.extend(content);
    }
}
