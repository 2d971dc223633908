"""CDM folders: a model next to the data describes the tables with their files and columns.

Documented: common-data-model/model-json and cdm-manifest of Microsoft's Common Data Model pages.

- `entity.py`: an entity, from either kind of model;
- `model_json.py`, `manifest.py`: the two kinds of model; `locations.py`: the locations of files in a model;
- `documents.py`: finds and reads models; `table.py`: the table;
- `incremental.py`: a table of all incremental folders of Synapse Link.
"""
