package worker

import "syscall"

// attributes puts a process into a group of its own, so that a terminal's ^C is
// left to us, and kills it when we die and cannot end it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
