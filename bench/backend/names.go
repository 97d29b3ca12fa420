//go:build unix

package backend

import (
	"bytes"
	"strconv"
)

// maxNamedSize keeps a size times its unit far from overflow: 1 PiB.
const maxNamedSize = 1 << 50

// namedSize reads the size a file's name stands for: decimal digits and one of k, m, g or t (binary
// units), or no unit for bytes, in either case, behind any folders: "/pub/4g" is 4 GiB.
func namedSize(path []byte) (int64, bool) {
	name := path[bytes.LastIndexByte(path, '/')+1:]
	if len(name) == 0 {
		return 0, false
	}
	shift := 0
	if i := bytes.IndexByte([]byte("kmgt"), name[len(name)-1]|0x20); i >= 0 {
		shift = 10 * (i + 1)
		name = name[:len(name)-1]
	}
	n, err := strconv.ParseUint(string(name), 10, 50)
	if err != nil || n > maxNamedSize>>shift {
		return 0, false
	}
	return int64(n) << shift, true
}
