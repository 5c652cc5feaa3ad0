package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// WriteCertificate writes a certificate with a serial number of its own.
func WriteCertificate(t *testing.T, files TLS, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		files.Cert: {Type: "CERTIFICATE", Bytes: cert},
		files.Key:  {Type: "EC PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	c := &certificate{files: TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}}
	if _, err := c.get(nil); err == nil {
		t.Error("no file, no error")
	}
	changed := time.Now()
	shows := func(when string, want int64) {
		t.Helper()
		changed = changed.Add(time.Second) // file times are coarse
		if err := os.Chtimes(c.files.Cert, changed, changed); err != nil {
			t.Fatal(err)
		}
		cert, err := c.get(nil)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if got := cert.Leaf.SerialNumber.Int64(); got != want {
			t.Errorf("%s: certificate %d, want %d", when, got, want)
		}
	}
	WriteCertificate(t, c.files, 1)
	shows("at first", 1)
	if err := os.WriteFile(c.files.Cert, []byte("half a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	shows("with a broken file", 1)
	WriteCertificate(t, c.files, 2)
	shows("after the change", 2)
}
