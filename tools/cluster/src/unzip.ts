import { crc32, inflateRawSync } from 'node:zlib';

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const DEFLATED = 8;

/**
 * One file of a zip archive, so that the tests need no `unzip`. Reads what ordinary archives contain: deflated files,
 * no encryption, less than 4 GB. @throws when the archive has no such file or the checksum is wrong
 */
export function unzipped(archive: Buffer, name: string): Buffer {
  // The directory's end is the last record. A comment of at most 64 KB can follow it.
  let end = archive.length - 22;
  while (end >= 0 && archive.readUInt32LE(end) !== END_OF_DIRECTORY) end -= 1;
  if (end < 0) throw new Error('This is no zip archive: it has no end of a directory.');
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    if (archive.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new Error('The directory of the zip archive is damaged.');
    const [method, checksum, packed] = [
      archive.readUInt16LE(at + 10),
      archive.readUInt32LE(at + 16),
      archive.readUInt32LE(at + 20),
    ];
    const [nameLength, extraLength, commentLength, start] = [
      archive.readUInt16LE(at + 28),
      archive.readUInt16LE(at + 30),
      archive.readUInt16LE(at + 32),
      archive.readUInt32LE(at + 42),
    ];
    if (archive.toString('utf8', at + 46, at + 46 + nameLength) === name) {
      if (method !== DEFLATED) throw new Error(`${name} is packed by method ${method} and not deflated.`);
      // The local header repeats the name and has an extra field of its own length.
      const data = start + 30 + archive.readUInt16LE(start + 26) + archive.readUInt16LE(start + 28);
      const content = inflateRawSync(archive.subarray(data, data + packed));
      if (crc32(content) !== checksum) throw new Error(`${name} is damaged: its checksum is wrong.`);
      return content;
    }
    at += 46 + nameLength + extraLength + commentLength;
  }
  throw new Error(`The zip archive has no file ${name}.`);
}
