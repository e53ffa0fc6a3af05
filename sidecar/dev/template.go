package dev

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// sizes keep a data directory at about 20 MB, so that a copy takes a few hundredths of a second; MySQL's at 80 MB. They
// are given to what makes the directory as well as to the server: the redo log of another size would be made anew at
// the first start.
func (t *Tools) sizes() []string {
	if t.mysql() {
		return []string{"--innodb-redo-log-capacity=8M", "--innodb-doublewrite=OFF", "--innodb-use-native-aio=OFF"}
	}
	return []string{"--innodb-log-file-size=8M", "--innodb-use-native-aio=OFF"}
}

// pristine returns a data directory of this version of the server in which nothing was written yet, made by
// mariadb-install-db or mysqld --initialize once and copied for each server. It takes the lock of dir: test binaries share one.
func pristine(ctx context.Context, tools Tools, dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the template directory: %w", err)
	}
	path := filepath.Join(dir, "template-"+fileSafe(tools.Version))
	if isDir(path) {
		return path, nil
	}
	lock, err := waitLock(ctx, dir)
	if err != nil {
		return "", err
	}
	defer lock.release()
	if isDir(path) {
		return path, nil
	}
	half := path + ".half" // renamed when complete: a killed run never leaves a template that looks whole
	if err := os.RemoveAll(half); err != nil {
		return "", fmt.Errorf("remove a half-made template: %w", err)
	}
	if err := installDB(ctx, tools, half); err != nil {
		return "", err
	}
	if err := os.Rename(half, path); err != nil {
		return "", fmt.Errorf("keep the template: %w", err)
	}
	return path, nil
}

func installDB(ctx context.Context, tools Tools, datadir string) error {
	tmp, err := os.MkdirTemp(filepath.Dir(datadir), "tmp-") // a server that starts removes the temporary tables that it finds
	if err != nil {
		return fmt.Errorf("make a temporary directory: %w", err)
	}
	defer os.RemoveAll(tmp)
	program := tools.Install
	args := append([]string{"--no-defaults", "--datadir=" + datadir, "--tmpdir=" + tmp}, asRoot()...)
	args = append(args, tools.sizes()...)
	if tools.mysql() {
		program = tools.Server
		file := filepath.Join(tmp, "accounts.sql")
		if err := os.WriteFile(file, []byte(mysqlAccounts), 0o600); err != nil {
			return fmt.Errorf("write the first statements: %w", err)
		}
		args = append(args, "--initialize-insecure", "--init-file="+file)
	} else {
		args = append(args, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
	}
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, tail(string(out), 15))
	}
	return nil
}

// mysqlAccounts: MySQL knows root of localhost only, which without names is nobody who comes over TCP;
// mariadb-install-db makes this one by itself.
const mysqlAccounts = `CREATE USER root@127.0.0.1;
GRANT ALL ON *.* TO root@127.0.0.1 WITH GRANT OPTION;
GRANT PROXY ON ''@'' TO root@127.0.0.1 WITH GRANT OPTION;
`

// copyTree copies regular files and directories; a data directory holds nothing else while no server runs in it.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case d.Type().IsRegular():
			return copyFile(path, target)
		default:
			return nil
		}
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// fileSafe keeps what is harmless in a file name.
func fileSafe(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		}
		return '_'
	}, s)
}

// tail returns the last n lines of s.
func tail(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
