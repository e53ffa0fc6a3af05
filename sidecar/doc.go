// Package sidecar is the process: it reads the configuration, builds every part, starts them in order and drains them
// in reverse. It is the composition root: what two floors need together meets here and nowhere else. It holds no logic
// of its own beyond that.
//
// Level: above everything but cmd.
package sidecar
