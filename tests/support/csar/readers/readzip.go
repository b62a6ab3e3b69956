// Prints digest and name of each entry of a ZIP, as archive/zip reads it.
package main

import (
	"archive/zip"
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
)

func main() {
	archive, err := zip.OpenReader(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	out := bufio.NewWriter(os.Stdout)
	for _, file := range archive.File {
		mode := file.Mode()
		if mode.IsDir() != strings.HasSuffix(file.Name, "/") || mode&^(os.ModeDir|os.ModePerm) != 0 {
			log.Fatalf("%q has the mode %v", file.Name, mode)
		}
		content, err := file.Open()
		if err != nil {
			log.Fatal(err)
		}
		digest := sha256.New()
		if _, err := io.Copy(digest, content); err != nil {
			log.Fatal(err)
		}
		content.Close()
		fmt.Fprintf(out, "%x %s\x00", digest.Sum(nil), file.Name)
	}
	out.Flush()
}
