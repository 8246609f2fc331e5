"""The last section of the public page as one session: from the real open-source package to the facade.

Export there, import here, upload, or rewrite by `values` and `set_values`, then delete the export. The code is the
page's own; only the name of the dataset and the folder of the export are put in.
"""
import json
import os
import sys

import pytest
from datasets import FACADE, PACKAGE, ROOT
from test_page import block

sys.path.append(os.path.join(ROOT, "tests", "cli"))
from object_servers import S3  # noqa: E402

PEER = os.path.join(ROOT, ".venv-peer", "bin", "python")
pytestmark = pytest.mark.long

MAKE = '''
import os, fiftyone as fo
root = %r
def file(name, text):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "w").write(text)
    return path
dataset = fo.Dataset("source", persistent=True)
samples = []
for i in range(5):
    s = fo.Sample(filepath=file("images/%%d.png" %% i, "image %%d" %% i), thumb=file("thumbs/%%d.png" %% i, "thumb %%d" %% i))
    s["seg"] = fo.Segmentation(mask_path=file("masks/%%d.png" %% i, "mask %%d" %% i))
    samples.append(s)
dataset.add_samples(samples, progress=False)
dataset.app_config.media_fields = ["filepath", "thumb"]
dataset.save()
'''


@pytest.fixture
def s3(tmp_path):
    with S3(str(tmp_path)) as server:
        server.client.create_bucket(Bucket="path")  # the page's s3://path/for/media
        yield server


def test_the_last_section(server, place, s3, tmp_path):
    there = {"FIFTYONE_DATABASE_NAME": place.name + "_source", "FIFTYONE_DO_NOT_TRACK": "1", "PYTHONPATH": "",
             "HOME": str(tmp_path)}
    here = {"PYTHONPATH": os.pathsep.join([FACADE, PACKAGE]), "HOME": str(tmp_path), **s3.env()}
    export = str(tmp_path / "dataset")

    def local(code):
        return code.replace('"/tmp/dataset"', repr(export)).replace("load_dataset(...)", 'load_dataset("source")')

    try:
        place.run(MAKE % str(tmp_path), interpreter=PEER, env=there)
        place.run(local(block("dataset.export(")), interpreter=PEER, env=there)
        more = '\nfos.upload_media(dataset, "s3://path/for/thumbs", media_field="thumb", update_filepaths=True)' \
               '\nfos.upload_media(dataset, "s3://path/for/masks", media_field="seg", update_filepaths=True)'
        tell = "\nimport json; print(json.dumps([dataset.name, dataset.values('filepath')]))"
        imported = local(block("from_dir("))
        name, uploaded = json.loads(place.run(imported + "\n" + block("upload_media(") + more + tell, env=here).splitlines()[-1])
        # The other way: the files are there already.
        rule = "def get_cloud_path(p): return 's3://path/for/media/' + p.rsplit('/', 1)[1]\n"
        other, rewritten = json.loads(place.run(
            imported + "\n" + rule + block("set_values(") + tell, env=here).splitlines()[-1])
        assert uploaded == rewritten == ["s3://path/for/media/%d.png" % i for i in range(5)] and name != other
        place.run("import shutil\n" + local(block("rmtree(")), env=here)
        assert not os.path.exists(export)
        assert s3.objects(bucket="path") == {
            "for/%s/%d.png" % (folder, i): ("%s %d" % (word, i)).encode()
            for folder, word in (("media", "image"), ("thumbs", "thumb"), ("masks", "mask")) for i in range(5)}
        # And the real package reads what was written.
        read = ("import json, fiftyone as fo\nd = fo.load_dataset(%r)\n"
                "print(json.dumps([d.values('filepath'), d.values('thumb'), d.values('seg.mask_path')]))" % name)
        values = json.loads(place.run(read, interpreter=PEER, env={**there, "FIFTYONE_DATABASE_NAME": place.name}))
        assert values == [["s3://path/for/%s/%d.png" % (f, i) for i in range(5)] for f in ("media", "thumbs", "masks")]
    finally:
        server.client.drop_database(place.name + "_source")
