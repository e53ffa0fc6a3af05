package backend

import (
	"os/exec"
	"syscall"
)

// dieWithTests has the kernel end the server if the tests end without doing so.
func dieWithTests(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
