export const Report = () => null; export const ReportState = ({id}: {id: string}) => <p>{id}</p>;
