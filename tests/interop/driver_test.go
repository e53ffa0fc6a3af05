package interop

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// The clients outside run side by side, after the tests of this process, one of which measures heddle's memory.

func TestMySQL2(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob("mysql2/*.js")
	if err != nil || len(sources) == 0 {
		t.Fatal("no program: ", err)
	}
	run := nodeFolder(t)
	if err := harness.CopyFiles(run, sources...); err != nil {
		t.Fatal(err)
	}
	runProgram(t, "mysql2", "node", filepath.Join(run, "main.js"))
}

// installing guards the folders that several tests have in common.
var installing sync.Mutex

// nodeFolder is a folder for programs of node's, which looks for modules beside the program, not beside its working directory.
func nodeFolder(t *testing.T) string {
	t.Helper()
	installing.Lock()
	defer installing.Unlock()
	manifest := []string{"mysql2/package.json", "mysql2/package-lock.json"}
	dir := harness.Install(t, "mysql2", "1", manifest, func(dir string) error {
		if err := harness.CopyFiles(dir, manifest...); err != nil {
			return err
		}
		return harness.Command(t, dir, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	})
	run := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "node_modules"), filepath.Join(run, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return run
}

func TestPyMySQL(t *testing.T) {
	t.Parallel()
	// -B: no compiled files into the tree.
	runProgram(t, "pymysql", python(t), "-B", "pymysql/main.py")
}

// python is one that has PyMySQL.
func python(t *testing.T) string {
	t.Helper()
	installing.Lock()
	defer installing.Unlock()
	dir := harness.Install(t, "pymysql", "1", []string{"pymysql/requirements.txt"}, func(dir string) error {
		requirements, err := filepath.Abs("pymysql/requirements.txt")
		if err != nil {
			return err
		}
		return errors.Join(harness.Command(t, dir, "python3", "-m", "venv", dir),
			harness.Command(t, dir, filepath.Join(dir, "bin", "pip"), "install", "-q", "--disable-pip-version-check", "-r", requirements))
	})
	return filepath.Join(dir, "bin", "python")
}

func TestMariaDBConnectorJ(t *testing.T) {
	t.Parallel()
	runJava(t, "mariadbj", "jdbc:mariadb")
}

func TestMySQLConnectorJ(t *testing.T) {
	t.Parallel()
	runJava(t, "mysqlj", "jdbc:mysql")
}

func runJava(t *testing.T, client, scheme string) {
	classPath := javaClasses(t)
	runProgram(t, client, "java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classPath, "Main", scheme)
}

// javaClasses compiles the program and returns the class path.
func javaClasses(t *testing.T) string {
	installing.Lock()
	defer installing.Unlock()
	libraries := harness.Install(t, "connectorj", "1", []string{"connectorj/pom.xml"}, func(dir string) error {
		if err := harness.CopyFiles(dir, "connectorj/pom.xml"); err != nil {
			return err
		}
		return harness.Command(t, dir, "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars")
	})
	classes := filepath.Join(env.Dir, "classes")
	if _, err := os.Stat(classes); err != nil {
		sources, err := filepath.Glob("connectorj/*.java")
		if err != nil || len(sources) == 0 {
			t.Fatal("no program: ", err)
		}
		if err := harness.Command(t, ".", "javac", append([]string{"-Xlint:all,-path,-classfile", "-Werror", "-proc:none", "-cp", filepath.Join(libraries, "jars", "*"), "-d", classes}, sources...)...); err != nil {
			t.Fatal(err)
		}
	}
	return classes + string(filepath.ListSeparator) + filepath.Join(libraries, "jars", "*")
}
