"""Compares folders of packages with what their manifests say: check_packages.py FOLDER [ARCHIVES]

Independent of the project's own code, on purpose. For each folder in FOLDER/public it reads manifest.json and checks
that there are exactly the files that it names, no link and no other folder, of the sizes that it names, and that every
chunk for which it has a digest has that digest; that a key blob is kept for each asset; and, if ARCHIVES is given, that manifest.json and
signature are the bytes of ARCHIVES/<version id>.zip. Prints one JSON object, and ends with status 1 if anything is
wrong.
"""
import hashlib
import json
import os
import sqlite3
import stat
import sys
import zipfile

KINDS = (("variants", "variant", "variantDetails"), ("deltas", "delta", "deltaDetails"))
FOLDERS = {kind for _, kind, _ in KINDS}
FILES = {"manifest.json", "signature"}


def digest_problem(path, details):
    hashes = details["hashes"][0]
    wanted, chunk = hashes["encryptedChunkDigests"], hashes["chunkSize"]
    if not wanted:
        return None
    with open(path, "rb") as file:
        for number, digest in enumerate(wanted):
            if hashlib.sha256(file.read(chunk)).hexdigest() != digest:
                return f"chunk {number} is wrong"
        return "there is more than its chunks" if file.read(1) else None


def is_file(path):
    return os.path.lexists(path) and stat.S_ISREG(os.lstat(path).st_mode)


def is_folder(path):
    return os.path.isdir(path) and not os.path.islink(path)


def asset_problem(folder, path, details):
    full = os.path.join(folder, path)
    if not is_file(full):
        return "is no file" if os.path.lexists(full) else "is missing"
    found = os.lstat(full)
    if found.st_size != details["compressedSize"]:
        return f"has {found.st_size} bytes, not {details['compressedSize']}"
    return digest_problem(full, details)


def names_in(folder):
    """All but the folders in which assets are."""
    names = set()
    for place, folders, files in os.walk(folder):
        names.update(os.path.relpath(os.path.join(place, name), folder) for name in folders + files)
    return {name for name in names if not (name in FOLDERS and is_folder(os.path.join(folder, name)))}


def may_be_read(path, public):
    if not os.lstat(path).st_mode & stat.S_IROTH:
        return False
    while path != public:
        path = os.path.dirname(path)
        if not os.lstat(path).st_mode & stat.S_IXOTH:
            return False
    return True


def unreadable_in(public):
    for place, _, files in os.walk(public):
        for name in files:
            full = os.path.join(place, name)
            if not may_be_read(full, public):
                yield os.path.relpath(full, public)


def archive_problems(folder, archive):
    with zipfile.ZipFile(archive) as given:
        for name in ("manifest.json", "signature"):
            with open(os.path.join(folder, name), "rb") as file:
                if file.read() != given.read(name):
                    yield name, "is not what the archive has"


def place_problem(folder, manifest):
    parts = folder.split(os.sep)[-3:-1]
    named = [manifest["appleItemId"], manifest["appleVersionId"]]
    return None if parts == named else f"the folder is in {parts}, and the manifest says {named}"


class Check:
    def __init__(self, folder, archives):
        self.folder, self.archives = folder, archives
        self.keys = sqlite3.connect(f"file:{folder}/state/keys.db?mode=ro", uri=True)
        self.found = {"folders": 0, "assets": 0, "bytes": 0, "problems": []}

    def complain(self, version, path, message):
        self.found["problems"].append({"version": version, "path": path, "message": message})

    def has_key(self, public_id, version):
        query = "SELECT count(*) FROM blobs WHERE public_id = ? AND version = ? AND length(blob) > 0"
        return self.keys.execute(query, (public_id, version)).fetchone()[0] == 1

    def check_asset(self, folder, version, asset, kind, details):
        path = asset["assetPath"]
        if path != f"{kind}/{asset['publicId']}.ipa":
            self.complain(version, path, "is no path of an asset")
            return
        problem = asset_problem(folder, path, details)
        if problem:
            self.complain(version, path, problem)
        if not self.has_key(asset["publicId"], version):
            self.complain(version, path, "has no key blob")
        self.found["assets"] += 1
        self.found["bytes"] += details["compressedSize"]

    def check_folder(self, folder):
        version = os.path.basename(folder)
        self.found["folders"] += 1
        missing = [name for name in sorted(FILES) if not is_file(os.path.join(folder, name))]
        for name in missing:
            self.complain(version, name, "is no file, or is missing")
        if missing:
            return
        with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        wanted = set(FILES)
        for member, kind, details in KINDS:
            for asset in manifest.get(member, []):
                wanted.add(asset["assetPath"])
                self.check_asset(folder, version, asset, kind, asset[details])
        for path in sorted(names_in(folder) - wanted):
            self.complain(version, path, "is too much")
        problem = place_problem(folder, manifest)
        if problem:
            self.complain(version, ".", problem)
        archive = self.archives and os.path.join(self.archives, version + ".zip")
        if archive and os.path.exists(archive):
            for path, problem in archive_problems(folder, archive):
                self.complain(version, path, problem)

    def run(self):
        public = os.path.join(self.folder, "public")
        for path in unreadable_in(public):
            self.complain(None, path, "cannot be read by a web server")
        if not is_folder(public):
            self.complain(None, public, "is missing")
        for place, folders, files in os.walk(public):
            folders.sort()
            depth = len(os.path.relpath(place, public).split(os.sep)) if place != public else 0
            if depth == 3:
                self.check_folder(place)
                folders.clear()
                continue
            for name in files + [name for name in folders if os.path.islink(os.path.join(place, name))]:
                self.complain(None, os.path.join(place, name), "is too much")
        return self.found


def main(arguments):
    if len(arguments) not in (2, 3):
        sys.exit(__doc__)
    check = Check(arguments[1].rstrip("/"), arguments[2] if len(arguments) == 3 else None)
    found = check.run()
    print(json.dumps(found))
    sys.exit(1 if found["problems"] else 0)


if __name__ == "__main__":
    main(sys.argv)
