package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// ErrNoServer is returned when no mariadbd or mysqld can be found on this machine.
var ErrNoServer = errors.New("mariadbd or mariadb-install-db was not found, nor mysqld; install them (no service is started by these packages) with\n" +
	"    apt-get update && apt-get install -y --no-install-recommends mariadb-server-core mariadb-client\n" +
	"or use servers that exist with --backend")

// Tools are the programs a private server needs.
type Tools struct {
	Server  string // path of mariadbd, or of MySQL's mysqld
	Install string // path of mariadb-install-db; "" for MySQL, whose server makes its data directory itself
	Version string // what the server says of itself, such as 10.11.19-MariaDB-0+deb12u1 or 9.7.4-2
}

// FindTools looks for the programs in PATH and where distributions keep daemons: mariadbd first. server names one
// instead, if it is not empty. The error is ErrNoServer, or says why the server could not be run.
func FindTools(ctx context.Context, server string) (Tools, error) {
	t := Tools{Server: server}
	var err error
	if server == "" {
		if t.Server, err = lookTool("mariadbd", "mysqld"); err != nil {
			return Tools{}, err
		}
	}
	out, err := exec.CommandContext(ctx, t.Server, "--no-defaults", "--version").Output()
	if err != nil {
		return Tools{}, fmt.Errorf("run %s --version: %w", t.Server, err)
	}
	t.Version = parseVersion(string(out))
	if t.mysql() {
		return t, nil
	}
	if t.Install, err = lookTool("mariadb-install-db", "mysql_install_db"); err != nil {
		return Tools{}, err
	}
	return t, nil
}

// mysql reports whether the server is MySQL's own.
func (t *Tools) mysql() bool { return !strings.Contains(t.Version, "MariaDB") }

func lookTool(names ...string) (string, error) {
	for _, name := range names {
		for _, dir := range []string{"", "/usr/sbin/", "/usr/local/sbin/", "/usr/local/bin/", "/opt/homebrew/bin/"} {
			if path, err := exec.LookPath(dir + name); err == nil {
				return path, nil
			}
		}
	}
	return "", ErrNoServer
}

// parseVersion takes the word after "Ver" out of the line `mariadbd  Ver 10.11.19-MariaDB for debian-linux-gnu …`.
func parseVersion(line string) string {
	words := strings.Fields(line)
	for i, w := range words {
		if w == "Ver" && i+1 < len(words) {
			return words[i+1]
		}
	}
	return "unknown"
}

// asRoot are the arguments that mariadbd and mariadb-install-db want when the super-user runs them: without them
// both refuse, or change to a user who cannot read our directory.
func asRoot() []string {
	if os.Geteuid() == 0 {
		return []string{"--user=root"}
	}
	return nil
}
