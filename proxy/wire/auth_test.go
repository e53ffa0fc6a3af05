package wire

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func TestNativePassword(t *testing.T) {
	salt := []byte("01234567890123456789")
	stored := NativeStored([]byte("secret"))
	if got := strings.ToUpper(hex.EncodeToString(stored[:])); got != "14E65567ABDB5135D0CFD9A70B3032C179A49EE7" { // PASSWORD('secret')
		t.Errorf("stored %s", got)
	}
	s := NativeScramble([]byte("secret"), salt)
	if !VerifyNative(s, salt, stored) {
		t.Error("the right password is refused")
	}
	for name, bad := range map[string][]byte{
		"other password": NativeScramble([]byte("Secret"), salt), "other salt": NativeScramble([]byte("secret"), salt[1:]),
		"empty": nil, "long": append(s, 0), "zero": make([]byte, 20),
	} {
		if VerifyNative(bad, salt, stored) {
			t.Errorf("%s is accepted", name)
		}
	}
	if NativeScramble(nil, salt) != nil || Sha2Scramble(nil, salt) != nil {
		t.Error("an empty password has an empty answer")
	}
}

func TestSha2FastPath(t *testing.T) {
	salt := []byte("01234567890123456789")
	digest := Sha2Digest([]byte("secret"))
	s := Sha2Scramble([]byte("secret"), salt)
	if !VerifySha2Fast(s, salt, digest) {
		t.Error("the right password is refused")
	}
	for name, bad := range map[string][]byte{
		"other password": Sha2Scramble([]byte("Secret"), salt), "other salt": Sha2Scramble([]byte("secret"), salt[1:]),
		"empty": nil, "short": s[:31], "zero": make([]byte, 32),
	} {
		if VerifySha2Fast(bad, salt, digest) {
			t.Errorf("%s is accepted", name)
		}
	}
}

// Vectors computed by crypt(3) of a C library and by OpenSSL.
func TestSha256Crypt(t *testing.T) {
	for _, c := range []struct {
		password, salt string
		rounds         int
		want           string
	}{
		{"Hello world!", "saltstring", 5000, "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
		{"Hello world!", "saltstringsaltst", 10000, "3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"},
		{"we have a short salt string but not a short password", "short", 77777, "JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/"},
	} {
		if got := sha256Crypt([]byte(c.password), []byte(c.salt), c.rounds); got != c.want {
			t.Errorf("%q: %s, want %s", c.password, got, c.want)
		}
	}
}

// What a MySQL 8 stored for IDENTIFIED BY 'foobar'.
const foobarVerifier = "24412430303524031a69251c34295c4b35167c7f1e5a7b63091349503974624d34504b5a424679354856336868686f52485a736e4a733368786e427575516c73446469496537"

func TestSha2Verifier(t *testing.T) {
	stored := string(unhex(foobarVerifier))
	v, err := ParseSha2Verifier(stored)
	if err != nil {
		t.Fatal(err)
	}
	if !v.Verify([]byte("foobar")) || v.Verify([]byte("foobaz")) || v.Verify(nil) || v.Verify(make([]byte, 1000)) {
		t.Error("verification")
	}
	if v.String() != stored {
		t.Errorf("String gives %q", v.String())
	}
	own, err := NewSha2Verifier([]byte("foobar"), []byte(stored[7:27]))
	if err != nil || own.String() != stored {
		t.Errorf("made anew: %q, %v", own.String(), err)
	}
	for _, bad := range []string{"", stored[1:], stored + "x", "$B" + stored[2:], "$A$00g" + stored[6:], "$A$000" + stored[6:]} {
		if _, err := ParseSha2Verifier(bad); !errors.Is(err, ErrVerifier) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := NewSha2Verifier([]byte("x"), []byte("short")); !errors.Is(err, ErrVerifier) {
		t.Errorf("short salt: %v", err)
	}
	if (Sha2Verifier{}).Verify(nil) {
		t.Error("no verifier accepts")
	}
}

func TestRSAPassword(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pemKey, err := EncodePublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ParsePublicKey(pemKey)
	if err != nil || !pub.Equal(&key.PublicKey) {
		t.Fatal("the key does not survive", err)
	}
	salt := []byte("01234567890123456789")
	for _, password := range []string{"", "secret", strings.Repeat("long", 40)} {
		sealed, err := EncryptPassword(rand.Reader, pub, []byte(password), salt)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecryptPassword(key, sealed, salt); err != nil || string(got) != password {
			t.Errorf("%q comes back as %q, %v", password, got, err)
		}
	}
	if _, err := DecryptPassword(key, []byte("nonsense"), salt); err == nil {
		t.Error("nonsense decrypts")
	}
	if _, err := EncryptPassword(rand.Reader, pub, []byte("x"), nil); err == nil {
		t.Error("a password leaves without a salt")
	}
	if _, err := ParsePublicKey([]byte("no key")); err == nil {
		t.Error("nonsense is a key")
	}
}

func TestClearPassword(t *testing.T) {
	if got := ClearPassword([]byte("abc")); !bytes.Equal(got, []byte("abc\x00")) {
		t.Errorf("%q", got)
	}
	for in, want := range map[string]string{"abc\x00": "abc", "abc": "abc", "\x00": "", "": ""} {
		if got := ParseClearPassword([]byte(in)); string(got) != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestAuthSwitchParses(t *testing.T) {
	in := &AuthSwitch{Plugin: AuthCachingSha2, Salt: []byte("01234567890123456789")}
	got, err := ParseAuthSwitch(in.AppendPayload(nil, 0))
	if err != nil || got.Plugin != in.Plugin || string(got.Salt) != string(in.Salt) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ParseAuthSwitch([]byte("\xfeplugin\x00")); err != nil || len(got.Salt) != 0 {
		t.Errorf("without salt: %+v, %v", got, err)
	}
	for _, bad := range []string{"", "\xfe", "\xfeno end", "\x00x\x00"} {
		if _, err := ParseAuthSwitch([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	if m, err := ParseAuthMoreData([]byte{1, Sha2FastOK}); err != nil || string(m.Data) != "\x03" {
		t.Errorf("%v, %v", m, err)
	}
	if _, err := ParseAuthMoreData(nil); err == nil {
		t.Error("an empty packet is data")
	}
}
