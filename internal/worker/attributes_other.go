//go:build !linux

package worker

import "syscall"

// attributes puts a process into a group of its own, so that a terminal's ^C is
// left to us. When we die its standard input ends.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
