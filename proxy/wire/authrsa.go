package wire

import (
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
)

// EncryptPassword is a password as it goes over an unencrypted connection under the full path of
// caching_sha2_password: with a NUL, mixed with the salt, under the server's RSA key. random is crypto/rand.Reader.
// Source: MySQL "Caching_sha2_password information"; RSA_PKCS1_OAEP_PADDING, which is OAEP with SHA-1.
func EncryptPassword(random io.Reader, key *rsa.PublicKey, password, salt []byte) ([]byte, error) {
	clear := ClearPassword(password)
	if err := xorSalt(clear, salt); err != nil {
		return nil, err
	}
	out, err := rsa.EncryptOAEP(sha1.New(), random, key, clear, nil)
	if err != nil {
		return nil, fmt.Errorf("wire: encrypt password: %w", err)
	}
	return out, nil
}

// DecryptPassword undoes EncryptPassword.
func DecryptPassword(key *rsa.PrivateKey, encrypted, salt []byte) ([]byte, error) {
	clear, err := rsa.DecryptOAEP(sha1.New(), nil, key, encrypted, nil)
	if err != nil {
		return nil, fmt.Errorf("wire: decrypt password: %w", err)
	}
	if err := xorSalt(clear, salt); err != nil {
		return nil, err
	}
	return ParseClearPassword(clear), nil
}

func xorSalt(p, salt []byte) error {
	if len(salt) == 0 {
		return errors.New("wire: password without a salt")
	}
	for i := range p {
		p[i] ^= salt[i%len(salt)]
	}
	return nil
}

// EncodePublicKey is the key as a server sends it in AuthMoreData: PEM.
func EncodePublicKey(key *rsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("wire: encode public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// ParsePublicKey reads the key that a server sent.
func ParsePublicKey(p []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(p)
	if block == nil {
		return nil, malformed("public key")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("wire: parse public key: %w", err)
	}
	pub, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("wire: parse public key: %T is not RSA", key)
	}
	return pub, nil
}
