package config

import (
	"io/fs"
	"path"
)

// Files and directories that directives name, and who may touch them.

const (
	worldWrite  fs.FileMode = 0o002
	worldRead   fs.FileMode = 0o004
	othersAny   fs.FileMode = 0o077 // any right of group or others
	pkcs11Start             = "pkcs11:"
)

// existingFile reads the absolute path of a file that must be there.
func existingFile(field func(*Settings) *string) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		name, _ := c.existing(0, false)
		return set(func(s *Settings) { *field(s) = name })
	}
}

// existingDir reads the absolute path of a directory that must be there.
func existingDir(field func(*Settings) *string) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		name, _ := c.existing(0, true)
		return set(func(s *Settings) { *field(s) = name })
	}
}

// privateKeyFile is existingFile for keys: nobody but the owner may read it.
func privateKeyFile(field func(*Settings) *string) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		name := c.arg(0)
		if len(name) > len(pkcs11Start) && name[:len(pkcs11Start)] == pkcs11Start {
			c.errorf(c.at(0), "keys in PKCS#11 tokens are not supported: name a PEM file")
			return effect{}
		}
		if info, ok := c.keyInfo(0); ok {
			c.private(0, info)
		}
		return set(func(s *Settings) { *field(s) = name })
	}
}

// absolutePath reads a full path that need not exist yet.
func absolutePath[T target](field func(*T) *string) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		name, _ := c.absolute(0)
		return set(func(t *T) { *field(t) = name })
	}
}

// existing checks an argument for an existing file or directory.
func (c *call) existing(i int, dir bool) (string, bool) {
	name := c.arg(i)
	if name == "" || name[0] != '/' {
		c.errorf(c.at(i), "parameter must be an absolute path, beginning with '/', not '%s'", name)
		return name, false
	}
	info, err := c.load.files.Stat(name)
	switch {
	case err != nil:
		c.errorf(c.at(i), "'%s' does not exist, or cannot be read: %v", name, err)
	case dir && !info.IsDir():
		c.errorf(c.at(i), "parameter must be a directory path; '%s' is a file", name)
	case !dir && !info.Mode().IsRegular():
		c.errorf(c.at(i), "'%s' is not a regular file", name)
	default:
		return name, true
	}
	return name, false
}

func (c *call) keyInfo(i int) (fs.FileInfo, bool) {
	if _, ok := c.existing(i, false); !ok {
		return nil, false
	}
	info, err := c.load.files.Stat(c.arg(i))
	return info, err == nil
}

// private reports a key file that others than the owner may use.
func (c *call) private(i int, info fs.FileInfo) {
	if perm := info.Mode().Perm(); perm&othersAny != 0 {
		c.errorf(c.at(i), "'%s' is accessible by group or world (perms %04o): run chmod 600 on it", c.arg(i), perm)
	}
}

// worldWritableDir reports whether anybody may replace files beside name.
func worldWritableDir(files Files, name string) (dir string, perm fs.FileMode, writable bool) {
	dir = path.Dir(name)
	info, err := files.Stat(dir)
	if err != nil {
		return dir, 0, false
	}
	perm = info.Mode().Perm()
	return dir, perm, perm&worldWrite != 0
}
