/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EROFS as it is on disk: what of Linux's format this kernel reads. All numbers are little endian; a block is 4 KiB.
 * Source: Linux, Documentation/filesystems/erofs.rst, "On-disk details", and the field lists of erofs-utils' dump.erofs.
 * An inode's number (nid) is its place: 32 bytes each, from the block `meta_block` on.
 */
#pragma once

#include "lib/base/types.h"

#define EROFS_SUPER_OFFSET 1024u
#define EROFS_MAGIC 0xe0f5e1e2u /* also statfs's f_type */
#define EROFS_BLOCK_SHIFT 12
#define EROFS_NID_SHIFT 5

/* feature_incompat: what a reader has to know. 1h says how compressed files would be padded; 4h allows chunked files. */
#define EROFS_INCOMPAT_ZERO_PADDING 0x1u
#define EROFS_INCOMPAT_CHUNKED_FILE 0x4u
#define EROFS_INCOMPAT_KNOWN (EROFS_INCOMPAT_ZERO_PADDING | EROFS_INCOMPAT_CHUNKED_FILE)

struct erofs_super {
	uint32_t magic, checksum, feature_compat;
	uint8_t block_shift, slots;
	uint16_t root_nid;
	uint64_t inodes, build_time;
	uint32_t build_time_ns, blocks, meta_block, xattr_block;
	uint8_t uuid[16], volume_name[16];
	uint32_t feature_incompat;
	uint16_t compression;
	uint16_t extra_devices, device_slot;
	uint8_t dir_block_shift, xattr_prefix_count;
	uint32_t xattr_prefix_start;
	uint64_t packed_nid;
	uint8_t reserved[24];
};
_Static_assert(sizeof(struct erofs_super) == 128, "superblock");

/* inode.format: bit 0 the long form; bits 1 to 3 where the data is; others are not known. */
#define EROFS_FORMAT_LONG 1u
#define EROFS_FORMAT_LAYOUT(format) ((format) >> 1 & 7)
#define EROFS_FORMAT_KNOWN 0xfu
enum {
	EROFS_PLAIN = 0,   /* blocks in a row from data.block on */
	EROFS_INLINE = 2,  /* the same, but for the last piece, which is behind the inode */
	EROFS_CHUNKED = 4, /* a table behind the inode says where each chunk is */
			   /* 1 and 3 are compressed */
};

union erofs_data {
	uint32_t block;	 /* first block of data */
	uint32_t device; /* of device nodes: as dev_t of 32 bits */
	struct {
		uint16_t format, reserved;
	} chunks;
};
/* chunks.format: bits 0 to 4 blocks of a chunk, as a power of two; bit 5: 8 bytes an entry instead of 4. */
#define EROFS_CHUNK_SHIFT 0x1fu
#define EROFS_CHUNK_INDEXES 0x20u
#define EROFS_CHUNK_KNOWN 0x3fu
#define EROFS_HOLE 0xffffffffu

struct erofs_inode_short {
	uint16_t format, xattr_count, mode, links;
	uint32_t size, reserved;
	union erofs_data data;
	uint32_t number;
	uint16_t uid, gid;
	uint32_t reserved2;
};
_Static_assert(sizeof(struct erofs_inode_short) == 32, "compact inode");

struct erofs_inode_long {
	uint16_t format, xattr_count, mode, reserved;
	uint64_t size;
	union erofs_data data;
	uint32_t number, uid, gid;
	uint64_t modified;
	uint32_t modified_ns, links;
	uint8_t reserved2[16];
};
_Static_assert(sizeof(struct erofs_inode_long) == 64, "extended inode");

struct erofs_chunk {
	uint16_t advice, device;
	uint32_t block;
};

/* A directory's block: entries, then their names in the same order; the first entry's name_offset tells their number. */
struct erofs_entry {
	uint64_t nid;
	uint16_t name_offset;
	uint8_t type, reserved;
} __attribute__((packed));
_Static_assert(sizeof(struct erofs_entry) == 12, "directory entry");

/* Extended attributes behind the inode: 12 bytes + 4 for each but the first of xattr_count. */
struct erofs_xattr_head {
	uint32_t filter;
	uint8_t shared_count, reserved[7];
};
_Static_assert(sizeof(struct erofs_xattr_head) == 12, "xattr header");
struct erofs_xattr {
	uint8_t name_size, prefix;
	uint16_t value_size;
};
