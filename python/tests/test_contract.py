"""Whether the module is the contract, whole, and nothing else. Needs no service.

    EBB_INTERFACES=crates/api/interfaces PYTHONPATH=python/src python3 python/tests/test_contract.py
"""

import dataclasses
import inspect
import os
import pathlib
import unittest
import xml.etree.ElementTree as ElementTree

import ebb
from ebb import _contract as contract
from ebb import _property

HERE = pathlib.Path(__file__).resolve().parent
INTERFACES = pathlib.Path(
    os.environ.get("EBB_INTERFACES", HERE.parents[1] / "crates/api/interfaces")
)


def interfaces():
    for path in sorted(INTERFACES.glob("*.xml")):
        yield from ElementTree.parse(path).getroot().iter("interface")


def signature(member, direction):
    arguments = member.findall("arg")
    return "".join(
        argument.get("type") for argument in arguments if argument.get("direction") == direction
    )


def found(dotted):
    """The function a line of the table names."""
    owner, name = dotted.split(".")
    return vars(getattr(ebb, owner)).get(name)


class Contract(unittest.TestCase):
    maxDiff = None

    def test_every_method_is_here_as_the_contract_has_it_and_none_is_made_up(self):
        told = {
            interface.get("name"): {
                method.get("name"): (signature(method, "in"), signature(method, "out"))
                for method in interface.iter("method")
            }
            for interface in interfaces()
        }
        offered = {
            interface: {name: (takes, gives) for name, (takes, gives, _) in methods.items()}
            for interface, methods in contract.METHODS.items()
        }
        self.assertTrue(told)
        self.assertEqual(offered, told)

    def test_what_a_line_of_the_table_names_exists_and_asks_just_that(self):
        for methods in contract.METHODS.values():
            for member, (_, _, dotted) in methods.items():
                function = found(dotted)
                self.assertTrue(callable(function), f"{dotted} is not there")
                self.assertIn(f'"{member}"', inspect.getsource(function), dotted)

    def test_every_signal_is_here_as_the_contract_has_it_and_none_is_made_up(self):
        told = {
            interface.get("name"): {
                signal.get("name"): signature(signal, None) for signal in interface.iter("signal")
            }
            for interface in interfaces()
            if interface.find("signal") is not None
        }
        offered = {
            interface: {name: says for name, (says, _) in signals.items()}
            for interface, signals in contract.SIGNALS.items()
        }
        self.assertEqual(offered, told)
        for signals in contract.SIGNALS.values():
            for _, becomes in signals.values():
                self.assertTrue(dataclasses.is_dataclass(getattr(ebb, becomes)), becomes)

    def test_every_property_is_an_attribute_with_its_type_and_its_access(self):
        told = {
            (interface.get("name"), found.get("name")): (found.get("type"), found.get("access"))
            for interface in interfaces()
            for found in interface.iter("property")
        }
        offered = {}
        for owner in (ebb.Client, ebb.Job, ebb.TokenOptions):
            for attribute in vars(owner).values():
                if isinstance(attribute, _property.Readable):
                    writable = isinstance(attribute, _property.Writable)
                    access = "readwrite" if writable else "read"
                    offered[owner.INTERFACE, attribute.name] = (attribute.kind.signature, access)
        self.assertEqual(offered, told)

    def test_a_job_is_read_whole(self):
        properties = {
            name for name, kind in vars(ebb.Job).items() if isinstance(kind, _property.Readable)
        }
        self.assertEqual({field.name for field in dataclasses.fields(ebb.JobInfo)}, properties)

    def test_what_can_be_set_can_be_said_of_a_new_job(self):
        writable = {
            name for name, kind in vars(ebb.Job).items() if isinstance(kind, _property.Writable)
        }
        options = set(inspect.signature(ebb.Client.create_job).parameters)
        self.assertEqual(options - {"self", "name"}, writable - {"display_name"})

    def test_all_that_is_public_is_said_to_be(self):
        public = {name for name, value in vars(ebb).items() if inspect.isclass(value)}
        self.assertEqual(public - set(ebb.__all__), set())
        for name in ebb.__all__:
            self.assertTrue(hasattr(ebb, name), name)
            value = getattr(ebb, name)
            if inspect.isclass(value):
                self.assertTrue((value.__doc__ or "").strip(), f"{name} is not explained")


class Values(unittest.TestCase):
    def test_a_symbolic_name_is_read_from_the_bus(self):
        from ebb.errors import symbolic_name

        names = {
            "TokenRequired": "token-required",
            "Http404": "http-404",
            "Internal": "internal",
            "Http2NotSpoken": "http-2-not-spoken",
        }
        for camel, name in names.items():
            self.assertEqual(symbolic_name(contract.ERROR_PREFIX + camel), name)
        for other in ("org.freedesktop.DBus.Error.Failed", contract.ERROR_PREFIX + "a.B"):
            self.assertIsNone(symbolic_name(other))

    def test_a_value_of_another_type_is_a_breach_of_the_contract(self):
        from ebb import _fields

        for kind, variant in [
            (_fields.SMALL, ("t", 7)),
            (_fields.STATE, ("s", "Queued")),
            (_fields.UUID, ("s", "../etc")),
            (_fields.TIME, ("x", 2**62)),
        ]:
            with self.assertRaises(ebb.ProtocolError):
                kind.read("It", variant)

    def test_a_path_that_is_no_job_has_no_id(self):
        job_id = "3f2ac1d0-0000-4000-8000-00000000002a"
        self.assertEqual(contract.job_id(contract.job_path(job_id)), job_id)
        for path in ["/", contract.JOB_PREFIX, contract.JOB_PREFIX + job_id, "/x/job/1"]:
            self.assertEqual(contract.job_id(path), "")

    def test_an_address_is_a_socket_or_a_bus_or_refused(self):
        with self.assertRaises(ebb.NotReachable) as caught:
            ebb.Client("tcp:host=x")
        self.assertEqual(caught.exception.name, "not-reachable")
        with self.assertRaises(ConnectionError):
            ebb.Client("unix:path=/nonexistent/bus")

    def test_a_secret_is_in_memory_that_nobody_can_change(self):
        from ebb._secret import sealed

        with sealed("hünter2") as memory:
            self.assertEqual(os.pread(memory, 100, 0), "hünter2".encode())
            with self.assertRaises(OSError):
                os.pwrite(memory, b"x", 0)
            with self.assertRaises(OSError):
                os.truncate(memory, 1)


if __name__ == "__main__":
    unittest.main()
