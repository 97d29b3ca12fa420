//go:build !linux

package ftpsession

// inputQueue asks how many bytes wait to be read: FIONREAD, _IOR('f', 127, int).
const inputQueue = 0x4004667f
