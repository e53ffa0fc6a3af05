// Command heddle is the one binary: the server, and the tools of developers, DBAs and operators.
package main

import (
	"os"

	"github.com/heddle-mesh/heddle/sidecar/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
