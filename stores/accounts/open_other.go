//go:build !unix

package accounts

const nonblock = 0
